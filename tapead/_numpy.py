"""NumPy's protocols for traced numbers, and tapead's functions of arrays.

An array that holds traced numbers is an `Elements`, an object array whose ufuncs are the rows of
the table.
"""

import math
import operator
import sys
import threading

import numpy as np

from tapead import _tape
from tapead.elementals import ELEMENTALS, OPCODES

# Ufuncs whose result has no derivative, as Python's own looks at a number: a Program notes those.
PLAIN = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "isnan": lambda x: x != x,
    "isinf": lambda x: x == math.inf or x == -math.inf,
    "isfinite": lambda x: -math.inf < x < math.inf,
    "signbit": lambda x: math.copysign(1.0, plain(x)) < 0,
    "logical_not": operator.not_,
    "logical_and": lambda x, y: bool(x) and bool(y),
    "logical_or": lambda x, y: bool(x) or bool(y),
}
_ROW_OF = {name: row for row in ELEMENTALS.values() if row.ufunc for name in row.names}
_OTHER_UFUNCS = {
    "clip": _tape.clip,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "divmod": lambda x, y: (_tape.floor_divide(x, y), _tape.remainder(x, y)),
}
_ROW_OF |= {row.ufunc.rpartition(".")[2]: row for row in ELEMENTALS.values() if row.ufunc}


class Elements(np.ndarray):
    """Object array of numbers, some of them traced; ufuncs act element by element."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        own = _FUNCTIONS.get(function)
        if own is not None:
            return own(*args, **kwargs)
        return _objects_only(super().__array_function__(function, types, args, kwargs))

    def clip(self, min=None, max=None, out=None):
        """tapead.clip of every element."""
        if out is not None:
            raise TypeError("clip with out= would drop the derivative; leave out= away")
        return _elementwise(_tape.clip, self, min, max)


def _objects_only(result):
    """`result`, as a plain array if it holds no objects (indices, masks)."""
    plain_array = isinstance(result, Elements) and result.dtype != object
    return result.view(np.ndarray) if plain_array else result


def elements(array):
    """`array` (of objects) as an `Elements`."""
    return np.asarray(array, dtype=object).view(Elements)


def apply_ufunc(ufunc, method, inputs, kwargs):
    """What ``ufunc(*inputs)``, or one of its methods, means where an input is traced."""
    if any(map(_is_foreign, inputs)):
        return NotImplemented
    if any(map(_is_float_array, inputs)) and not _tape.is_expanding():
        from tapead import _dispatch

        return _dispatch.apply_ufunc(ufunc, method, inputs, kwargs)
    if ufunc.__name__ in PLAIN:
        return _look(ufunc, method, inputs, kwargs)
    taken.elements += max([x.size for x in inputs if isinstance(x, np.ndarray)], default=0)
    function = _function_for(ufunc)
    if method != "__call__" or kwargs or function is None:
        return _apply_to_objects(ufunc, function, method, inputs, kwargs)
    if not any(isinstance(x, (np.ndarray, list, tuple)) for x in inputs):
        return function(*inputs)
    return _elementwise(function, *inputs, nout=ufunc.nout)


def _is_float_array(x):
    """Whether `x` is an array, traced or of plain numbers."""
    return type(x).__module__ == "tapead._array" or (
        isinstance(x, np.ndarray) and x.dtype != object
    )


def _is_foreign(x):
    """Whether `x` has NumPy's protocols and is neither ours nor NumPy's."""
    return _is_foreign_type(type(x))


def _is_foreign_type(kind):
    return (
        hasattr(kind, "__array_ufunc__")
        and not issubclass(kind, np.ndarray | np.generic | _tape.Var)
        and kind.__module__ != "tapead._array"
    )


def _look(ufunc, method, inputs, kwargs):
    """Booleans of a ufunc in PLAIN."""
    if method != "__call__" or kwargs or any(map(_is_narrow, inputs)):
        return getattr(ufunc, method)(*map(plain, inputs), **kwargs)
    arrays = [np.asarray(_as_objects(x), dtype=object) for x in inputs]
    with np.errstate(invalid="ignore"):  # a comparison with NaN is False, as for floats
        result = np.frompyfunc(PLAIN[ufunc.__name__], ufunc.nin, 1)(*arrays)
    return np.asarray(result, dtype=bool)[()]


def _is_narrow(x):
    """Whether NumPy rounds a Python float to the precision of `x` before it compares."""
    return isinstance(x, (np.ndarray, np.floating)) and x.dtype in (np.float32, np.float16)


def _function_for(ufunc):
    """tapead's function that `ufunc` names, or None."""
    name = ufunc.__name__
    if name in _OTHER_UFUNCS:
        return _OTHER_UFUNCS[name]
    row = _ROW_OF.get(name)
    return None if row is None else getattr(_tape, row.name)


_EXTREMA = {"maximum", "minimum", "fmax", "fmin"}


class _Taken(threading.local):
    """What NumPy's functions have taken element by element, in this thread."""

    elements = 0  # of arrays
    extrema = 0  # maxima and minima over axes


taken = _Taken()


class _Created(threading.local):
    """What becomes of arrays that tapead.numpy makes, in this thread."""

    along = None  # inside jet: makes them take values that move along the curve


created = _Created()


def _apply_to_objects(ufunc, function, method, inputs, kwargs):
    """NumPy's loop over objects, by the row's function where the loop would compare instead."""
    if method == "reduce" and ufunc.__name__ in _EXTREMA:
        taken.extrema += 1
    arrays = any(isinstance(x, np.ndarray) for x in inputs)
    if method == "__call__" and not arrays:
        raise TypeError(
            f"numpy.{ufunc.__name__}{' with ' + ', '.join(kwargs) if kwargs else ''} of a traced "
            "value is not supported; use tapead's functions or operators, or x.value"
        )
    if any(np.asarray(out).dtype != object for out in kwargs.get("out") or ()):
        raise TypeError(
            f"numpy.{ufunc.__name__} with out= would drop the derivative; leave out= away"
        )
    row = _ROW_OF.get(ufunc.__name__)
    if function is not None and (row is None or not row.slot):
        ufunc = np.frompyfunc(function, ufunc.nin, ufunc.nout)
    with np.errstate(all="ignore"):  # a comparison with NaN is no error
        result = getattr(ufunc, method)(*map(_as_objects, inputs), **_plain_out(kwargs))
    return elements(result) if isinstance(result, np.ndarray) else result


def _plain_out(kwargs):
    out = kwargs.get("out")
    return kwargs if out is None else {**kwargs, "out": tuple(map(_as_objects, out))}


def _as_objects(x):
    """An operand as a plain object array; a lone Var would call us again."""
    if isinstance(x, _tape.Var):
        array = np.empty((), dtype=object)
        array[()] = x
        return array
    return x.view(np.ndarray) if isinstance(x, Elements) else x


def _elementwise(function, *inputs, nout=1):
    arrays = [np.asarray(_as_objects(x), dtype=object) for x in inputs]
    with np.errstate(all="ignore"):  # 1 / 0 is inf, as for a Var alone
        result = np.frompyfunc(function, len(arrays), nout)(*arrays)
    if nout > 1:
        return tuple(elements(r) if isinstance(r, np.ndarray) else r for r in result)
    return elements(result) if isinstance(result, np.ndarray) else result


def plain(x):
    """The numbers of a traced value or of an array that holds some; anything else as it is."""
    if isinstance(x, _tape.Var):
        return x.value
    if holds_traced(x):
        return np.reshape([plain(item) for item in np.ravel(x)], np.shape(x))
    return x.view(np.ndarray) if isinstance(x, Elements) else x


def apply_function(function, types, args, kwargs):
    """What a NumPy function that is not a ufunc means for traced values."""
    if any(_is_foreign_type(kind) for kind in types):
        return NotImplemented
    if not _tape.is_expanding():
        from tapead import _array

        return _array.call(function, args, kwargs)
    own = _FUNCTIONS.get(function, function._implementation)
    return own(*args, **kwargs)


def _clip(a, a_min=None, a_max=None, *, min=None, max=None):
    return _tape.clip(a, a_min if min is None else min, a_max if max is None else max)


def where(condition, x, y):
    """`x` where `condition` holds, else `y`; the branch not taken has no derivative.

    Parameters
    ----------
    condition : bool or array of bool
    x, y : float, Var or ndarray

    Returns
    -------
    float, Var or ndarray

    Examples
    --------
    >>> import tapead
    >>> tapead.grad(lambda x: tapead.where(x > 0, tapead.sqrt(x), 0.0))(-1.0)
    0.0
    """
    if any(map(_is_foreign, (condition, x, y))):
        return np.where(condition, x, y)
    if any(map(_is_float_array, (condition, x, y))) and not _tape.is_expanding():
        from tapead import _array

        return _array.call(np.where, (condition, x, y), {})
    if not isinstance(condition, (np.ndarray, list, tuple)):
        condition = bool(condition)
        if not any(isinstance(branch, (np.ndarray, list, tuple)) for branch in (x, y)):
            return x if condition else y
    if not (holds_traced(x) or holds_traced(y)):
        return np.where(condition, x, y)
    condition = np.asarray(condition)
    return _elementwise(lambda c, x, y: x if c else y, condition, x, y)


_FUNCTIONS = {
    np.clip: _clip,
    np.sinc: _tape.sinc,
    np.where: lambda condition, *branches: (
        where(condition, *branches) if branches else np.where(np.asarray(condition, dtype=bool))
    ),
}


def holds_traced(x):
    """Whether `x` is a traced number or an array (or list) that holds one."""
    if isinstance(x, _tape.Var):
        return True
    if isinstance(x, (list, tuple)):
        return any(map(holds_traced, x))
    return isinstance(x, np.ndarray) and x.dtype == object and any(map(holds_traced, x.flat))


def apply_elemental(name, *inputs):
    """A row's function of anything but floats and a Var alone: ints, arrays, lists."""
    for x in inputs:
        if hasattr(type(x), "__tapead_elemental__"):
            return x.__tapead_elemental__(name, inputs)
    if any(map(holds_traced, inputs)):
        if not any(isinstance(x, (np.ndarray, list, tuple)) for x in inputs):
            refuse(name, inputs)
        if not _tape.is_expanding():
            return _of_arrays(name, inputs)
        return _elementwise(_scalar_function(name), *inputs)
    arrays = [np.asarray(x) for x in inputs]
    if any(array.dtype.kind not in "biuf" for array in arrays):
        refuse(name, inputs)
    row = ELEMENTALS[name]
    scalars = all(type(x) in (int, float, bool) for x in inputs)
    if row.ufunc.startswith("numpy.") and not scalars:
        return getattr(np, row.ufunc.removeprefix("numpy."))(*inputs)
    result = _evaluate(name, inputs, arrays)
    return float(result) if scalars else result[()]


def _of_arrays(name, inputs):
    """A row's function of arrays some of which are traced or hold traced numbers."""
    from tapead import _array

    arrays = [x if isinstance(x, float | _tape.Var) else _array.as_array(x) for x in inputs]
    return _array.apply_elemental(OPCODES[name], *arrays)


def rounded(x, dtype):
    """A traced number in another type."""
    from tapead import _array

    return _array.as_array(x).astype(dtype)


def _scalar_function(name):
    if name.startswith("clip_"):
        return lambda x, end: _tape._clip_end(x, end, name == "clip_min")
    if name == "polygamma":
        return lambda n, x: _tape.polygamma(int(n), x)
    return getattr(_tape, name)


def refuse(name, inputs):
    got = " and ".join(
        f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__ for x in inputs
    )
    raise TypeError(f"tapead.{name} is a function of real numbers; got {got}")


def _evaluate(name, inputs, arrays):
    """The row's own loop, in float64; the result has the operands' precision."""
    weak = (int, float, bool)  # Python's numbers take on the arrays' precision
    dtype = np.result_type(
        *(x if type(x) in weak else array for x, array in zip(inputs, arrays, strict=True))
    )
    arrays = np.broadcast_arrays(*arrays)
    flat = [np.ascontiguousarray(x, dtype=np.float64).ravel() for x in arrays]
    out = np.empty(arrays[0].shape)
    _tape.evaluate_rows(OPCODES[name], flat[0], flat[-1], out.reshape(-1))
    return out.astype(dtype) if dtype.kind == "f" else out


_tape.register_protocols(sys.modules[__name__])
