"""NumPy's protocols for traced arrays, beyond the calls of ufuncs that are rows of the table."""

import numpy as np

from tapead import _array, _tape
from tapead._array import Array, as_array, plain_value
from tapead.primitives import FUNCTIONS, REFUSED

PLAIN_UFUNCS = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan,
    np.isinf, np.isfinite, np.signbit, np.logical_not, np.logical_and, np.logical_or,
    np.logical_xor,
}  # fmt: skip
# What a ufunc's method means as a function: (function, whether it takes `initial` and `where`).
METHODS = {
    ("reduce", np.add): np.sum,
    ("reduce", np.multiply): np.prod,
    ("reduce", np.maximum): np.max,
    ("reduce", np.minimum): np.min,
    ("accumulate", np.add): np.cumsum,
    ("accumulate", np.multiply): np.cumprod,
}
_WRITES = {"at"}


def apply_ufunc(ufunc, method, inputs, kwargs):
    """What ``ufunc(*inputs)`` or one of its methods means where an operand is a traced array."""
    if ufunc in PLAIN_UFUNCS:
        if method == "__call__" and not kwargs and _array.records_arrays():
            from tapead._mask import compared

            mask = compared(ufunc, inputs)
            if mask is not None:
                return mask
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)
    if method == "__call__":
        return _called(ufunc, inputs, dict(kwargs))
    if method == "outer":
        x, y = (as_array(operand) for operand in inputs)
        return _called(ufunc, (x[(...,) + (None,) * y.ndim], y), dict(kwargs))
    if method == "at":
        return _at(ufunc, *inputs)
    function = METHODS.get((method, ufunc))
    if function is None:
        raise TypeError(
            f"numpy.{ufunc.__name__}.{method} of a traced array is not supported; use "
            "numpy.sum, prod, max, min, cumsum or cumprod, or a loop"
        )
    return _reduced(function, inputs, dict(kwargs))


def _plain(x):
    return plain_value(x) if isinstance(x, Array | _tape.Var) else x


def _called(ufunc, inputs, kwargs):
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    if ufunc not in FUNCTIONS:
        for name in ("casting", "order", "subok"):
            kwargs.pop(name, None)
    result = _elementwise(ufunc, inputs, kwargs)
    if dtype is not None:
        result = result.astype(dtype)
    return _into(ufunc, result, out[0] if out else None, where)


def _elementwise(ufunc, inputs, kwargs):
    if ufunc in FUNCTIONS:
        return FUNCTIONS[ufunc].call(*inputs, **kwargs)
    if ufunc is np.divmod:
        return np.floor_divide(*inputs), np.remainder(*inputs)
    code = _array.code_of(ufunc)
    if code is None:
        raise TypeError(
            f"numpy.{ufunc.__name__} of a traced array is not supported; use tapead's functions, "
            "or a.value for the numbers"
        )
    return _array.apply_elemental(code, *inputs)


def _into(ufunc, result, out, where):
    """`result` where `where` holds, written to `out` if there is one."""
    if out is None:
        if where is True:
            return result
        raise TypeError(
            f"numpy.{ufunc.__name__} with where= leaves elements undefined; give out=, or use "
            "numpy.where"
        )
    if not isinstance(out, Array):
        raise TypeError(
            f"numpy.{ufunc.__name__} with out= a plain array would drop the derivative; make it "
            "with tapead.numpy, or leave out= away"
        )
    out[...] = result if where is True else np.where(plain_value(where), result, out)
    return out


def _at(ufunc, target, index, *operands):
    """``ufunc.at``: an operation in place, once for every time that an index occurs."""
    if ufunc in (np.add, np.subtract) and isinstance(target, Array):
        from tapead.primitives._core import scatter

        value = np.broadcast_to(as_array(operands[0]), np.empty(target.shape, bool)[index].shape)
        value = value if ufunc is np.add else -value
        target[...] = target + _array.number_of_marked(scatter(value, index, target.shape))
        return
    raise TypeError(
        f"numpy.{ufunc.__name__}.at is supported for add and subtract into a traced array only"
    )


def _reduced(function, inputs, kwargs):
    array, *rest = inputs
    names = ("axis", "dtype", "out")
    kwargs |= dict(zip(names, rest, strict=False))
    kwargs.setdefault("axis", 0)
    out = kwargs.pop("out", None)
    if isinstance(out, tuple):
        out = out[0]
    if function in (np.max, np.min):
        kwargs.pop("dtype", None)
    return FUNCTIONS[function].call(as_array(array), out=out, **kwargs)


def apply_other(function, args, kwargs):
    """A NumPy function that nothing answers: an error that names it, and a way out."""
    name = f"{function.__module__}.{function.__name__}"
    refused = REFUSED.get(function)
    if refused is not None:
        raise TypeError(f"{name} of a traced array is not supported: {refused}")
    raise TypeError(
        f"{name} of a traced array is not supported; write it with functions that are, register "
        "it with tapead.primitive, or take the numbers a.value"
    )
