"""A digest of anything that a value depends on: equal things share it, and others never do.

The digest of an estimator that is `Cloned` is that of its class and its parameters, never of what
it has learned; of any other, such as one that a scorer compares with, all counts. The digest of a
function or class that no installed distribution pins down is that of its code and of all that the
code refers to. What cannot be told apart for sure is refused by name.
"""

import copyreg
import dis
import hashlib
import platform
import struct
import sys
import sysconfig
from contextlib import suppress
from functools import cache, cached_property
from importlib import import_module, metadata
from importlib.util import resolve_name
from numbers import Real
from pathlib import Path
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from ._version import __version__

SIZE = 16  # bytes of a digest
_DEEPEST = 60
# What classes and modules have that says nothing of what they do.
_SILENT = frozenset(
    """__module__ __qualname__ __doc__ __dict__ __weakref__ __annotations__ __firstlineno__
    __static_attributes__ __abstractmethods__ _abc_impl __annotate__ __annotate_func__
    __annotations_cache__ __slotnames__ __dataclass_fields__ __dataclass_params__
    _sklearn_auto_wrap_output_keys""".split()
)


class Unidentified(TypeError):
    """Something cannot be told from others like it.

    Attributes
    ----------
    place : str
        Where it stands, such as ``estimator.kernel``.
    """

    def __init__(self, place, what, why="it has no content to tell it by"):
        self.place = place
        super().__init__(f"{place} is {what}, and {why}")


class Cloned:
    """An estimator that is used as a clone only, so that what it has learned does not count.

    Parameters
    ----------
    estimator : estimator
    """

    def __init__(self, estimator):
        self.estimator = estimator


def digest(thing, name="it"):
    """Return 16 bytes that tell a thing from any other, in every process.

    Parameters
    ----------
    thing : object
        Numbers, texts, containers, arrays, data frames, estimators, functions, classes, and
        whatever can be pickled.
    name : str, default="it"
        What errors call it.

    Returns
    -------
    digest : bytes

    Raises
    ------
    Unidentified
        If some part of it has no content to go by.
    """
    walk = _Walk()
    walk.tell(thing, name)
    return walk.hash.digest()


class _Walk:
    """One way through a thing and its parts; each part is told with its kind and its length."""

    def __init__(self):
        self.hash = hashlib.blake2b(digest_size=SIZE)
        self._open = {}  # the parts that the walk is within, since some hold themselves
        self._seen = {}  # functions, classes and modules: each is told once
        self._alive = []  # what was seen, so that nothing new takes its place in memory
        self._learned = True  # whether what estimators have learned counts

    def put(self, kind, *parts):
        """Feed bytes; lengths keep neighbours apart."""
        self.hash.update(kind.encode() + struct.pack("<I", len(parts)))
        for part in parts:
            part = part.encode() if isinstance(part, str) else part
            self.hash.update(struct.pack("<Q", memoryview(part).nbytes))
            self.hash.update(part)

    def tell(self, thing, place):
        """Feed a thing and all of its parts."""
        told = _PLAIN.get(type(thing))
        if told is not None:
            self.put(type(thing).__name__, told(thing))
            return
        for kind, known in (("within", self._open), ("again", self._seen)):
            if id(thing) in known:
                self.put(kind, str(known[id(thing)]))
                return
        if isinstance(thing, (FunctionType, type, ModuleType)):
            self._seen[id(thing)] = len(self._seen)
            self._alive.append(thing)
        if len(self._open) > _DEEPEST:
            raise Unidentified(place, "nested too deeply", "it never comes to an end")
        self._open[id(thing)] = len(self._open)
        learned, self._learned = self._learned, self._learned or not _passes_on(thing)
        try:
            self._tell_composed(thing, place)
        finally:
            del self._open[id(thing)]
            self._learned = learned

    def tell_each(self, things, place):
        """Feed many things, in order."""
        things = list(things)
        self.put("each", str(len(things)))
        for i, thing in enumerate(things):
            self.tell(thing, f"{place}[{i}]")

    def tell_items(self, items, place):
        """Feed named things, in order."""
        items = list(items)
        self.put("items", str(len(items)))
        for name, thing in items:
            self.tell(name, place)
            self.tell(thing, f"{place}.{name}" if isinstance(name, str) else f"{place}[{name!r}]")

    def tell_named(self, items, place):
        """Feed named things, in whatever order they come."""
        told = sorted((digest(name, place), name, thing) for name, thing in items)
        self.put("named", str(len(told)))
        for key, name, thing in told:
            self.put("name", key)
            self.tell(thing, f"{place}.{name}" if isinstance(name, str) else f"{place}[{name!r}]")

    def _tell_composed(self, thing, place):
        if isinstance(thing, np.generic):
            # No numbers of Python's: times an array of float32, they make another type of it.
            self.put("scalar", thing.dtype.str, repr(thing))
        elif type(thing) in (np.ndarray, np.memmap):
            self._tell_array(thing, place)
        elif type(thing) in (list, tuple):
            self.put(type(thing).__name__)
            self.tell_each(thing, place)
        elif type(thing) in (dict, MappingProxyType):
            self.put("dict")
            self.tell_items(thing.items(), place)
        elif type(thing) in (set, frozenset):
            self.put(type(thing).__name__)
            self.tell_each(sorted(digest(part, place) for part in thing), place)
        elif issparse(thing):
            self._tell_sparse(thing, place)
        elif type(thing).__module__.partition(".")[0] in ("pandas", "polars"):
            self._tell_frame(thing, place)
        elif isinstance(thing, type):
            self._tell_class(thing, place)
        elif isinstance(thing, FunctionType):
            self._tell_function(thing, place)
        elif isinstance(thing, MethodType):
            self.put("method")
            self.tell(thing.__func__, place)
            self.tell(thing.__self__, place)
        elif isinstance(thing, _Memoized):
            self.put("memoized")
            self.tell(thing.__wrapped__, place)
        elif isinstance(thing, cached_property):
            self.put("cached property")
            self.tell(thing.func, place)
        elif isinstance(thing, ModuleType):
            self._tell_module(thing, place)
        elif isinstance(thing, CodeType):
            self._tell_code(thing, place)
        elif isinstance(thing, Cloned):
            self._learned = False
            self.tell(thing.estimator, place)
        elif self._learned:
            self._tell_state(thing, place)
        else:
            self._tell_estimator(thing, place)

    def _tell_array(self, array, place):
        array = np.asarray(array)
        if array.dtype.kind == "O":
            self.put("objects", repr(array.shape))
            self.tell_each(array.ravel().tolist(), place)
            return
        if array.dtype.names:  # field by field, since there may be anything in its gaps
            self.put("fields", repr(array.shape), *array.dtype.names)
            for name in array.dtype.names:
                self._tell_array(array[name], f"{place}[{name!r}]")
            return
        if array.dtype.char in "gG":  # some of its bytes are padding
            self.put("long", repr(array.shape))
            self.tell_each(map(repr, array.ravel()), place)
            return
        shape = repr(array.shape)  # before numbers without one become rows
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        self.put("array", array.dtype.str, shape, array.reshape(-1).view(np.uint8))

    def _tell_sparse(self, matrix, place):
        rows = matrix if matrix.format in ("csr", "csc") else matrix.tocsr()
        self.put("sparse", matrix.format, repr(rows.shape), str(hasattr(matrix, "getH")))
        for part in (rows.data, rows.indices.astype(np.int64), rows.indptr.astype(np.int64)):
            self._tell_array(part, place)

    def _tell_frame(self, frame, place):
        """Feed what pandas and polars hold, column by column."""
        kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
        self.put("frame", kind)
        self.tell(getattr(frame, "attrs", None) or None, f"{place}.attrs")
        if hasattr(frame, "columns"):
            self.tell_each(frame.columns, f"{place}.columns")
            if hasattr(frame, "iloc"):
                self.tell(frame.index, f"{place}.index")
            for i, name in enumerate(frame.columns):
                column = frame.iloc[:, i] if hasattr(frame, "iloc") else frame.to_series(i)
                self._tell_column(column, f"{place}[{name!r}]")
        elif hasattr(frame, "dtype") and hasattr(frame, "to_numpy"):
            self.tell(getattr(frame, "name", None), f"{place}.name")
            if hasattr(frame, "iloc"):
                self.tell(frame.index, f"{place}.index")
            self._tell_column(frame, place)
        else:
            self._tell_state(frame, place)

    def _tell_column(self, column, place):
        dtype = column.dtype
        self.put("column", type(dtype).__name__, str(dtype))
        if hasattr(dtype, "categories") and hasattr(dtype, "ordered"):  # pandas
            self.tell(dtype.categories, f"{place}.categories")
            self.tell(bool(dtype.ordered), place)
            codes = column.codes if hasattr(column, "codes") else column.cat.codes.to_numpy()
            self._tell_array(np.asarray(codes), place)
        elif _is_numeric(column):
            self._tell_array(column.to_numpy(), place)
        elif hasattr(column, "to_list"):
            self.tell_each(column.to_list(), place)
        else:
            self._tell_state(column, place)

    def _tell_estimator(self, estimator, place):
        """Feed class and parameters."""
        self.put("estimator")
        self.tell(type(estimator), place)
        params = estimator.get_params(deep=False)
        if type(estimator).__module__.startswith("sklearn.") and _is_pinned(type(estimator)):
            params = _normal_params(estimator, params)
        self.tell_named(params.items(), place)
        for name in _KEPT_BY_CLONE:
            self.tell(vars(estimator).get(name), f"{place}.{name}")

    def _tell_function(self, function, place):
        if _is_pinned(function):
            pinned = _pinned(function.__module__)
            self.put("function", function.__module__, function.__qualname__, pinned)
            return
        self.put("code of a function")
        self._tell_code(function.__code__, place)
        self.tell(function.__defaults__, f"{place}'s defaults")
        self.tell(function.__kwdefaults__, f"{place}'s defaults")
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                content = cell.cell_contents
            except ValueError:  # not bound yet
                content = "an empty cell"
            self.tell(content, f"{place}'s {name}")
        found = {
            name: function.__globals__[name]
            for name in sorted(_names(function.__code__))
            if name in function.__globals__
        }
        for name, thing in found.items():
            self.put("global", name)
            self.tell(thing, f"{place}'s {name}")
        for name in _imports(function.__code__, function.__globals__.get("__package__")):
            self.put("import", name)
            module = None
            with suppress(Exception):  # the scorer may never come so far as to import it
                module = import_module(name)
            if module is not None:
                self.tell(module, f"{place}'s {name}")
        attributes = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
        self.tell_named(attributes.items(), place)

    def _tell_code(self, code, place):
        self.put("code", code.co_code, code.co_exceptiontable, *code.co_names, *code.co_freevars)
        self.put("names of arguments", *code.co_varnames)  # by which they may be passed
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        self.put("arguments", repr((*counts, code.co_flags)))
        self.tell_each(code.co_consts, place)

    def _tell_module(self, module, place):
        pinned = _pinned(module.__name__)
        self.put("module", module.__name__, pinned or "")
        if pinned is None:
            content = {k: v for k, v in vars(module).items() if not k.startswith("__")}
            self.tell_named(content.items(), place)

    def _tell_class(self, cls, place):
        self.put("class", cls.__module__, cls.__qualname__)
        if _is_pinned(cls):
            self.put("release", _pinned(cls.__module__))
            return
        self.tell_each((type(cls), *cls.__bases__), f"{place}'s class")
        for name, thing in sorted(vars(cls).items()):
            if name in _SILENT:
                continue
            self.put("attribute", name)
            where = f"{cls.__qualname__}.{name}"
            if isinstance(thing, (staticmethod, classmethod)):
                self.put(type(thing).__name__)
                thing = thing.__func__
            if isinstance(thing, property):
                self.tell_each((thing.fget, thing.fset, thing.fdel), where)
            elif type(thing).__module__ == "builtins" and hasattr(thing, "__objclass__"):
                self.put("slot", thing.__name__)
            else:
                self.tell(thing, where)

    def _tell_state(self, thing, place):
        """Feed what pickle would write, which is all there is to know of most objects."""
        what = f"{type(thing).__module__}.{type(thing).__qualname__}"
        reduce = copyreg.dispatch_table.get(type(thing), lambda thing: thing.__reduce_ex__(4))
        try:
            state = reduce(thing)
        except Exception as error:
            raise Unidentified(place, f"a {what}") from error
        if isinstance(state, str):
            module = _home(thing, state)
            if module is None:
                raise Unidentified(place, f"the {what} {state!r}", "nothing pins its code")
            self.put("global", module, state, _pinned(module))
            return
        make, args, *more = state
        self.put("object")
        if _hides_parts(type(thing)):
            self.tell(object.__getstate__(thing), place)
        self.tell(make, place)
        self.tell_each(args, place)
        content, items, pairs = [*more, None, None, None][:3]
        if isinstance(content, dict):
            self.tell_named(content.items(), place)
        else:
            self.tell(content, place)
        self.tell_each(items or (), place)
        self.tell_items(pairs or (), place)


def _float(number):
    return struct.pack("<d", number)


_PLAIN: dict = {
    **dict.fromkeys((type(None), type(Ellipsis), type(NotImplemented), bool), repr),
    int: hex,
    float: _float,
    complex: lambda number: _float(number.real) + _float(number.imag),
    str: lambda text: text.encode("utf-8", "surrogatepass"),
    bytes: bytes,
    bytearray: bytes,
}
_OF_A_THING = {"ATTR", "METHOD"}  # instructions that look a name up in an object
_Memoized = type(cache(len))
_KEPT_BY_CLONE = ("_metadata_request", "_sklearn_output_config")


def _is_numeric(column):
    """Whether a column is as good as an array of numpy."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return dtype.kind != "O"
    return getattr(dtype, "is_numeric", bool)() and not column.null_count()


def _passes_on(thing):
    """Whether `clone` goes on to the parts of a thing, and has them forget what they learned.

    Not so for `FrozenEstimator`, nor for functions and objects that are no estimators.
    """
    if type(thing) in (list, tuple, set, frozenset, dict):
        return True
    if isinstance(thing, type) or not hasattr(thing, "get_params"):
        return False
    own = getattr(type(thing), "__sklearn_clone__", None)
    return own is None or own is getattr(BaseEstimator, "__sklearn_clone__", None)


def _hides_parts(cls):
    """Whether a class of the user's says itself what pickle writes, which need not be all."""
    ways = "__reduce__", "__reduce_ex__", "__getstate__"
    own = cls in copyreg.dispatch_table or any(
        getattr(cls, way) is not getattr(object, way) for way in ways
    )
    return own and not _is_pinned(cls)


def _normal_params(estimator, params):
    """Return parameters of scikit-learn's own that mean the same as what they were given as.

    1 and 1.0 are one where any real number will do, and dicts are for looking up.
    """
    normal, constraints = {}, getattr(estimator, "_parameter_constraints", {})
    for name, value in params.items():
        if type(value) is int and _is_real(constraints.get(name)) and int(float(value)) == value:
            value = float(value)
        elif type(value) is dict:
            told = {digest(key, name): item for key, item in value.items()}
            value = dict(sorted(told.items()))
        normal[name] = value
    return normal


def _is_real(constraints):
    """Whether integers and floats mean the same for a parameter."""
    intervals = [one for one in constraints or () if isinstance(one, Interval)]
    return bool(intervals) and all(one.type is Real for one in intervals)


def _names(code):
    """Names that some code, and the functions inside it, look up; those of attributes are none."""
    names = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opcode in dis.hasname and not _OF_A_THING.intersection(step.opname.split("_"))
    }
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            names |= _names(inner)
    return names


def _imports(code, package):
    """Return the modules that some code, and the functions inside it, import when they run."""
    found, steps = set(), list(dis.get_instructions(code))
    for i, step in enumerate(steps):
        if step.opname == "IMPORT_NAME":
            dots = "." * steps[i - 2].argval
            with suppress(ImportError):  # beyond the top; it would fail when it runs
                found.add(resolve_name(dots + step.argval, package))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= set(_imports(inner, package))
    return sorted(found)


def _is_pinned(thing):
    """Whether a function or class is what a pinned module has under its name."""
    found = sys.modules.get(thing.__module__) if _pinned(thing.__module__) else None
    for name in thing.__qualname__.split("."):
        found = vars(found).get(name) if hasattr(found, "__dict__") else None
    found = found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    return found is thing


def _home(thing, name):
    """Return the pinned module that has a thing under its name, or None."""
    modules = [getattr(thing, "__module__", None), type(thing).__module__, "scipy.special"]
    for module in modules:
        if module is not None and _pinned(module):
            if getattr(sys.modules.get(module), name, None) is thing:
                return module
    return None


@cache
def _pinned(module):
    """Return the release of a distribution or of Python that pins a module's code, or None."""
    if module is None or module == "__main__":
        return None
    top = module.partition(".")[0]
    if top == "skdvl":
        return __version__
    if top in sys.builtin_module_names:
        return platform.python_version()
    file = getattr(sys.modules.get(module) or sys.modules.get(top), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    if {"site-packages", "dist-packages"}.intersection(path.parts):
        return _release(top)
    folders = (Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib"))
    return platform.python_version() if any(map(path.is_relative_to, folders)) else None


@cache
def _release(package):
    """Return name and version of what a package was installed by."""
    names = _distributions().get(package, [])
    told = [f"{name}=={metadata.version(name)}" for name in sorted(set(names))]
    return ",".join(told) or getattr(sys.modules[package], "__version__", None)


@cache
def _distributions():
    return metadata.packages_distributions()
