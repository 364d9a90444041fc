"""Keys of coalitions: what a utility is, and who is in."""

import hashlib

import numpy as np
import scipy
import sklearn

from .._version import __version__
from ..identity import Unidentified, digest
from ..notices import warn_caller

FORMAT = 1
_KEY = 16  # bytes
_MUTE = "display", "print_changed_only", "skip_parameter_validation"  # settings that no score hears
_NOISE = b"squares", b"seeds"  # end the contexts of the two numbers that tell the noise


class Recall:
    """The scores of some utilities that a cache knows.

    Parameters
    ----------
    cache : Cache
    utilities : list of skdvl.utilities.Utility
        Bound already.
    """

    def __init__(self, cache, utilities):
        self._cache = cache
        self._contexts = [_context(utility) for utility in utilities]
        self._is_noisy = [utility.is_noisy for utility in utilities]

    def scores(self, g, masks):
        """Return the scores of coalitions, NaN where none is known.

        Parameters
        ----------
        g : int
            Number of the utility.
        masks : ndarray of bool of shape (m, n_players)

        Returns
        -------
        scores : ndarray of shape (m,)
        noise : ndarray of shape (m, 2)
            What belongs to them where the utility is noisy; a score is only known with its noise.
        """
        scores, noise = self._recalled(g, masks, b""), np.full((len(masks), 2), np.nan)
        if self._is_noisy[g]:
            noise = np.stack([self._recalled(g, masks, kind) for kind in _NOISE], axis=1)
            scores[np.isnan(noise).any(axis=1)] = np.nan
        return scores, noise

    def keep(self, g, masks, scores, noise=None):
        """Keep the scores of coalitions, and their noise if there is any."""
        told = {b"": scores}
        if noise is not None:
            told |= dict(zip(_NOISE, noise.T, strict=True))
        for kind, numbers in told.items():
            keys = self._keys(g, masks, kind)
            self._cache.put_many(dict(zip(keys, numbers.tolist(), strict=True)))

    def _recalled(self, g, masks, kind):
        keys = self._keys(g, masks, kind)
        known = self._cache.get_many(keys)
        return np.array([known.get(key, np.nan) for key in keys])

    def _keys(self, g, masks, kind=b""):
        packed, width = np.packbits(masks, axis=1), -(-masks.shape[1] // 8)
        blank, raw = hashlib.blake2b(self._contexts[g] + kind, digest_size=_KEY), packed.tobytes()
        keys = []
        for first in range(0, len(raw), width):
            key = blank.copy()
            key.update(raw[first : first + width])
            keys.append(key.digest())
        return keys


def make_recall(cache, utilities):
    """Return a `Recall`, or None if some utility cannot be told from others, with a warning.

    None, too, if the scores of some utility are not to be recalled.

    Parameters
    ----------
    cache : Cache or None
    utilities : list of skdvl.utilities.Utility

    Returns
    -------
    recall : Recall or None
    """
    if cache is None or not all(utility.is_recalled for utility in utilities):
        return None
    try:
        return Recall(cache, utilities)
    except Unidentified as error:
        warn_caller(
            f"{error}. The cache is left out: it could not tell these scores from others.",
            UserWarning,
        )
        return None


def _context(utility):
    """Digest of all that a score depends on but the coalition."""
    versions = [module.__version__ for module in (sklearn, np, scipy)]
    settings = [(k, v) for k, v in sklearn.get_config().items() if k not in _MUTE]
    parts = {name: digest(part, f"The {name}") for name, part in utility.ingredients.items()}
    return digest((FORMAT, __version__, versions, settings, parts))
