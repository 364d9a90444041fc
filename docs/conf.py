"""Sphinx configuration: ``sphinx-build -W -b html docs docs/_build/html``."""

import warnings

import skdvl

project = "skdvl"
author = "The skdvl developers"
release = version = skdvl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
templates_path = ["_templates"]
html_theme = "alabaster"
html_title = "skdvl"

autosummary_generate = True
autodoc_inherit_docstrings = True
numpydoc_show_class_members = False
# Pictures of estimators link to the line of a parameter, quotes and all, as its docstring has it.
smartquotes = False
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
# Docstrings inherited from scikit-learn refer to its own guide.
suppress_warnings = ["config.cache", "myst.xref_missing", "ref.ref"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "abort_on_example_error": True,
}
warnings.filterwarnings("ignore", message="Matplotlib is currently using agg")
