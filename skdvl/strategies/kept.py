"""Strategies that keep the scores of coalitions, and read values off all of them at once."""

from functools import cached_property

import numpy as np

from ..coalitions import Walks
from .base import EvaluationStrategy


class KeptScores(EvaluationStrategy):
    """Keep every coalition, n bits, and its score; write `estimate`.

    Some sizes are *enumerated*: all their coalitions, the *border*, are scored once, ahead of the
    first round; the sampler's own draws of such sizes say nothing new and are not kept. Those
    are nobody and everybody, and a subclass may have more.

    Attributes
    ----------
    group : int
        How many consecutive coalitions were drawn together: 1, or 2 for complements.
    enumerated : ndarray of bool of shape (n + 1,)
        By size.
    """

    accepts = "coalitions"

    def __init__(self, semivalue, sampler, n):
        self.group = sampler._draw(0, 0, min(n, 4)).group
        if self.group > 2:
            raise ValueError(
                f"{type(self).__name__} takes single coalitions or complement pairs, and "
                f"{sampler!r} draws larger groups. Use SizeOptimalSampler or PairedSampler."
            )
        super().__init__(semivalue, sampler, n)

    def _weigh(self, proposal):
        self.enumerated = np.isin(np.arange(self.n + 1), [0, self.n])

    @cached_property
    def border(self):
        """The coalitions that are enumerated, as a boolean matrix."""
        n, parts = self.n, []
        for size in np.flatnonzero(self.enumerated):
            if size in (0, n):
                parts.append(np.full((1, n), size == n))
            else:
                parts.append(np.eye(n, dtype=bool) if size == 1 else ~np.eye(n, dtype=bool))
        return np.concatenate(parts)

    def prelude(self):
        return Walks(self.border, np.empty((len(self.border), 0), dtype=np.intp), self.group)

    def empty(self):
        return {
            "border": np.empty(0),
            "masks": np.empty((0, -(-self.n // 8)), dtype=np.uint8),
            "sizes": np.empty(0, dtype=np.int64),
            "scores": np.empty(0),
        }

    def fold(self, tally, walks, scores):
        if not np.isfinite(scores).all():
            raise ValueError(
                f"A coalition scored {scores[~np.isfinite(scores)][0]}, and {type(self).__name__} "
                "fits a model to the scores. Set a finite error_score, or let the sampler draw "
                "permutations: sampler=PermutationSampler()."
            )
        known = 0 if len(tally["border"]) else len(self.border)
        if known:
            tally["border"] = scores[:known, 0].copy()
        keep = ~self.enumerated[walks.sizes[:, 0]]
        keep[:known] = False
        for name, array in self._kept(walks.start[keep], scores[keep, 0]).items():
            tally[name] = np.concatenate([tally[name], array]) if len(tally[name]) else array

    def _kept(self, masks, scores):
        """Return what is kept of some coalitions, by name."""
        sizes = np.count_nonzero(masks, axis=1)
        return {"masks": np.packbits(masks, axis=1), "sizes": sizes, "scores": scores}

    def _masks(self, tally):
        """Return the coalitions of a tally, but for the border, as a boolean matrix."""
        return np.unpackbits(tally["masks"], axis=1, count=self.n).astype(bool)
