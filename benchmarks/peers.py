"""What other libraries, where they are installed, make of as many scores of the same game."""

import warnings
from functools import partial

import numpy as np

from skdvl.semivalues import Banzhaf, BetaShapley, Shapley

try:
    import shapiq
except ImportError:
    shapiq = None
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydvl import valuation as pydvl
except ImportError:
    pydvl = None


def lowest_errors(utility, semivalue, square, n_evaluations, repeats):
    """Return the lowest error of each library's samplers, times evaluations.

    Parameters
    ----------
    utility : Utility
    semivalue : Semivalue
    square : callable
        The mean squared error of values of shape (repeats, n_players).
    n_evaluations, repeats : int

    Returns
    -------
    errors : dict of str to float
        Of a library that is not installed, or does not know the semivalue, there is none.
    """
    told = {}
    for name, values_of in {**_of_shapiq(semivalue), **_of_pydvl(semivalue)}.items():
        values, counts = [], []
        for seed in range(repeats):
            game = Counted(utility)
            values.append(values_of(game, n_evaluations, seed))
            counts.append(game.n_evaluations)
        library = name.split()[0]
        error = square(np.array(values)) * np.mean(counts)
        told[library] = min(error, told.get(library, np.inf))
    return told


class Counted:
    """A game that counts its scores; what pyDVL and shapiq ask of one."""

    training_data = None

    def __init__(self, utility):
        self.utility, self.n_evaluations = utility, 0

    def with_dataset(self, data, copy=True):
        self.training_data = data
        return self

    def __call__(self, asked):
        if isinstance(asked, np.ndarray):  # shapiq
            masks = np.atleast_2d(asked).astype(bool)
            self.n_evaluations += len(masks)
            return self.utility(masks)
        mask = np.zeros((1, self.utility.n_players), dtype=bool)
        if asked is not None:  # nobody
            mask[0, np.asarray(asked.subset, dtype=int)] = True
        self.n_evaluations += 1
        return float(self.utility(mask)[0])


def _of_shapiq(semivalue):
    if shapiq is None or not isinstance(semivalue, Shapley):
        return {}
    names = "KernelSHAP", "UnbiasedKernelSHAP", "SVARM"
    return {f"shapiq {name}": partial(_shapiq_values, name) for name in names}


def _shapiq_values(name, game, n_evaluations, seed):
    n = game.utility.n_players
    approximator = getattr(shapiq.approximator, name)(n=n, random_state=seed)
    return approximator.approximate(n_evaluations, game).get_n_order_values(1)


def _of_pydvl(semivalue):
    if pydvl is None:
        return {}
    last = "MSR" if isinstance(semivalue, Banzhaf) else "VRDSSampler"
    names = "PermutationSampler", "AntitheticPermutationSampler", last
    return {f"pyDVL {name}": partial(_pydvl_values, name, semivalue) for name in names}


def _pydvl_values(name, semivalue, game, n_evaluations, seed):
    n = game.utility.n_players
    data = pydvl.Dataset(np.arange(n)[:, None].astype(float), np.arange(n) % 2)
    quiet = {"progress": False, "show_warnings": False}
    if name == "MSR":
        until = pydvl.MinUpdates(n_evaluations // 2)
        return pydvl.MSRBanzhafValuation(game, until, seed=seed, **quiet).fit(data).result.values
    each = n_evaluations // n if "Permutation" in name else n_evaluations // n // 2
    until = pydvl.MinUpdates(max(1, each))
    if name == "VRDSSampler":
        sampler, until = pydvl.VRDSSampler(n_samples_per_index=each, seed=seed), pydvl.NoStopping()
    else:
        sampler = getattr(pydvl, name)(seed=seed)
    if isinstance(semivalue, BetaShapley):
        quiet |= {"alpha": semivalue.alpha, "beta": semivalue.beta}
        made = pydvl.BetaShapleyValuation(game, sampler, until, **quiet)
    elif isinstance(semivalue, Banzhaf):
        made = pydvl.BanzhafValuation(game, sampler, until, **quiet)
    else:
        made = pydvl.ShapleyValuation(game, sampler, until, **quiet)
    return made.fit(data).result.values
