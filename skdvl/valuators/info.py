"""How the coalitions of a fit were scored."""

from dataclasses import dataclass

_TIERS = ("refit", "utility", "masks", "chains", "closed form")  # the slowest first


@dataclass(frozen=True)
class UtilityInfo:
    """How the coalitions of a fit were scored.

    Attributes
    ----------
    tier : {"closed form", "chains", "masks", "refit", "utility"}
        "closed form": by a kernel that knows the values without sampling. "chains": by a kernel,
        each coalition of a permutation from the one before. "masks": by a kernel, many coalitions
        at once. "refit": one fit for each coalition. "utility": by what was given to
        `fit_utility`. Of several folds, the slowest.
    kernel : str or None
        Name of the kernel.
    reason : str
        Why coalitions were refitted, as a sentence fragment.
    n_scored : int
        Coalitions scored in this session, those of rounds that were begun in vain included, and
        those that a cache knew left out.
    n_refitted : int
        Those of them that were fitted one by one; with a kernel, since it was not sure of them.
    microseconds : float or None
        For each of them, of all workers together.
    r2 : float or None, default=None
        Of a utility that was learned, on coalitions that its model has not seen; the mean over the
        folds. All the above is then of the coalitions that it was learned from.
    n_failed : int, default=0
        Those of them on which the estimator failed.
    failure : str, default=""
        The first of them, and why.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skdvl import ShapleyValuator
    >>> from skdvl.stopping import MaxRounds
    >>> X, y = load_iris(return_X_y=True)
    >>> valuator = ShapleyValuator(GaussianNB(), stopping=MaxRounds(1), random_state=0)
    >>> info = valuator.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2]).utility_info_
    >>> info.kernel, info.n_scored
    ('naive_bayes', 331)
    >>> print(info)
    masks of the kernel 'naive_bayes': 331 coalitions, ... refitted, ... microseconds each
    """

    tier: str
    kernel: str | None
    reason: str
    n_scored: int
    n_refitted: int
    microseconds: float | None
    r2: float | None = None
    n_failed: int = 0
    failure: str = ""

    def __str__(self):
        how = f"{self.tier} of the kernel {self.kernel!r}" if self.kernel else self.tier
        why = f", since {self.reason}" if self.reason else ""
        pace = "" if self.microseconds is None else f", {self.microseconds:.3g} microseconds each"
        learned = "" if self.r2 is None else f"; learned from these with an R2 of {self.r2:.3g}"
        counts = f"{self.n_scored} coalitions, {self.n_refitted} refitted"
        return f"{how}{why}: {counts}{pace}{learned}"


def make_info(utilities, length, effort):
    """Say how the utilities of a fit were scored.

    Parameters
    ----------
    utilities : list of Utility
    length : int or None
        Of the walks; None without any.
    effort : (int, int, float)
        Coalitions scored, and refitted, and seconds.

    Returns
    -------
    info : UtilityInfo
    """
    rows = [getattr(utility, "utility", utility) for utility in utilities]  # groups are players
    tiers = ["closed form" if length is None else u.tier(length) for u in utilities]
    slowest = min(range(len(rows)), key=lambda g: _TIERS.index(tiers[g]))
    names = [kernel.name for kernel in (getattr(u, "kernel", None) for u in rows) if kernel]
    n_scored, n_refitted, seconds = effort
    return UtilityInfo(
        tier=tiers[slowest],
        kernel=names[0] if names else None,
        reason=getattr(rows[slowest], "reason", ""),
        n_scored=n_scored,
        n_refitted=n_refitted,
        microseconds=seconds / n_scored * 1e6 if n_scored else None,
    )
