"""Where the pages of the documentation are, for the links in scikit-learn's HTML pictures."""

import os
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

PACKAGE = __name__.split(".")[0]


class HasPage:
    """What has a page in the API reference: a mixin for classes that are public.

    scikit-learn's picture of an estimator, in a notebook, links to that page. The address of
    the pages is that of the environment variable ``SKDVL_DOCUMENTATION``, the folder or site with
    the `index.html` that sphinx has built; else "Documentation" among the project's addresses, as
    they were installed. Where there is neither, there is no link.

    Examples
    --------
    >>> from unittest.mock import patch
    >>> from skdvl import ShapleyValuator
    >>> with patch.dict("os.environ", SKDVL_DOCUMENTATION="https://pages.example"):
    ...     ShapleyValuator()._get_doc_link()
    'https://pages.example/generated/skdvl.ShapleyValuator.html'
    """

    def _get_doc_link(self):
        address, name = _address(), public_name(type(self))
        return f"{address.rstrip('/')}/generated/{name}.html" if address and name else ""


def public_name(cls):
    """Return the name by which a class is imported, as the API reference has it, or None.

    Parameters
    ----------
    cls : type

    Returns
    -------
    name : str or None
        None for a class of another package, or one that is not public.

    Examples
    --------
    >>> from skdvl.pages import public_name
    >>> from skdvl.samplers import PermutationSampler
    >>> public_name(PermutationSampler)
    'skdvl.samplers.PermutationSampler'
    """
    place = cls.__module__.split(".")
    if place[0] != PACKAGE:
        return None
    for path in (PACKAGE, ".".join(place[:2])):
        if getattr(sys.modules[path], cls.__name__, None) is cls:
            return f"{path}.{cls.__name__}"
    return None


def _address():
    return os.environ.get("SKDVL_DOCUMENTATION") or _installed_address()


@cache
def _installed_address():
    """Return what the installed package tells, or an empty text."""
    try:
        addresses = metadata(PACKAGE).get_all("Project-URL") or []
    except PackageNotFoundError:  # imported from a folder
        return ""
    told = dict(address.split(", ", 1) for address in addresses)
    return told.get("Documentation", "")
