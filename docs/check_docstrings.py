"""Check the docstrings of all that docs/api.rst lists: ``python docs/check_docstrings.py``.

Each class and function has an example, and numpydoc finds none of `CODES` in it, nor in the public
methods that its users meet. That api.rst lists all that is public, `tests/test_pages.py` checks.
"""

import dataclasses
import inspect
import re
import sys
from pathlib import Path

from numpydoc.docscrape import NumpyDocString, get_doc_object
from numpydoc.validate import Validator, validate

# Left out, as ruff's or a matter of taste: where quotes stand (GL01, GL02), a summary that begins
# with a name in lower case (SS02) or with a word in -s (SS05), sections that only some methods need
# (ES01, SA01, EX01), full stops (PR08, PR09, RT04, RT05), descriptions where a name says all (PR07,
# RT03), and whether what is returned has a name (RT02).
CODES = set(
    "GL03 GL05 GL06 GL07 GL08 GL09 GL10 SS01 SS03 SS04 SS06 PR01 PR02 PR03 PR04 PR05 PR06 PR10 "
    "RT01 YD01 SA02 SA03 SA04".split()
)

ALLOWED = {
    ("skdvl.utilities.kernels.Kernel", "PR02"): "these are for the `__init__` of a subclass",
}


class SkdvlValidator(Validator):
    """Lets classes tell their fields under Attributes, and docstrings refer to each other.

    The fields are those of a dataclass or named tuple; a parameter of which is said "As in" has its
    type there.
    """

    def __init__(self, obj_name):
        super().__init__(get_doc_object(self._load_obj(obj_name)))

    @property
    def doc_all_parameters(self):
        told = super().doc_all_parameters
        if dataclasses.is_dataclass(self.obj) or hasattr(self.obj, "_fields"):
            fields = attributes(self.obj)
            told |= {name: fields[name] for name in self.signature_parameters if name in fields}
        return told

    def parameter_type(self, param):
        kind, words = self.doc_all_parameters[param]
        return kind or ("told there" if words and words[0].startswith("As in ") else "")


def attributes(cls):
    """Return what the docstring of a class itself says under Attributes, by name.

    That of `get_doc_object` would have all properties, whether they are told or not.
    """
    said = NumpyDocString(inspect.cleandoc(vars(cls).get("__doc__") or ""))["Attributes"]
    return {name: (kind, words) for names, kind, words in said for name in names.split(", ")}


def listed_names():
    """Return the full names in the autosummaries of docs/api.rst."""
    module, names = "", []
    for line in Path(__file__).with_name("api.rst").read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            module = line.split()[-1]
        elif re.fullmatch(r"   \w[\w.]*", line):
            names.append(f"{module}.{line.strip()}")
    return names


def members(cls, listed):
    """Yield the names of public members to check: of a class, and of its bases that nobody lists.

    An override without a docstring of its own has that of its base, and an attribute may be told
    in the docstring of its class.
    """
    told = {name for owner in cls.__mro__ for name in attributes(owner)}
    for owner in cls.__mro__:
        if not owner.__module__.startswith("skdvl") or (owner is not cls and owner in listed):
            continue
        for name, member in vars(owner).items():
            is_property = isinstance(member, property)
            if name.startswith("_") or not (is_property or callable(getattr(owner, name))):
                continue
            if member.__doc__ or not (name in told or inspect.getdoc(getattr(owner, name))):
                yield f"{owner.__module__}.{owner.__qualname__}.{name}"


def faults():
    """Yield a line for all that is wrong."""
    names = listed_names()
    listed = {name: SkdvlValidator._load_obj(name) for name in names}
    to_check = dict.fromkeys(names)
    for name, found in listed.items():
        if ">>>" not in (found.__doc__ or ""):
            yield f"{name}: has no example"
        if inspect.isclass(found):
            to_check |= dict.fromkeys(members(found, set(listed.values())))
    for name in to_check:
        for code, words in validate(name, validator_cls=SkdvlValidator)["errors"]:
            if code in CODES and (name, code) not in ALLOWED:
                yield f"{name}: {code} {words}"


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found) or "The docstrings are in order.")
    sys.exit(bool(found))
