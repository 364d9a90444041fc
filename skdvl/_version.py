"""The version, apart from the package's front door: checkpoints tell it."""

__version__ = "0.1.0"
