"""Along one axis: running sums and products, differences, convolution."""

import itertools

import numpy as np

from tapead.primitives._core import as_array
from tapead.primitives._reductions import axes_of, holed, in_dtype, without_nan
from tapead.primitives._row import Primitive, answers, call, into


def part(axis, *bounds):
    """The index ``slice(*bounds)`` along an axis that is counted from the front."""
    return (slice(None),) * axis + (slice(*bounds),)


def _delayed(x, first, axis):
    """`x` one step later along an axis: it begins with `first` and loses its last element."""
    start = np.full(x[part(axis, 1)].shape, first, x.dtype)
    return np.concatenate([start, x[part(axis, -1)]], axis)


def _cumsum_pullback(i, v_bar, v, x, axis):
    return np.flip(np.cumsum(np.flip(v_bar, axis), axis), axis)


_cumsum = Primitive(
    "cumsum",
    np.cumsum,
    _cumsum_pullback,
    reads="",
    adjoints=("Z̄ summed from the end",),
)


@answers(
    np.cumsum,
    samples=(
        lambda r: call(r.normal(size=5)),
        lambda r: call(r.normal(size=(3, 4)), axis=-1),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=1),
        lambda r: call(r.normal(size=(2, 3))),
    ),
)
def cumsum(a, axis=None, dtype=None, out=None):
    a, axis = _line(a, axis)
    return into(out, _cumsum(in_dtype(a, dtype), axis=axis))


def _line(a, axis):
    """`a`, flattened if no axis is named, and the axis counted from the front."""
    a = as_array(a)
    if axis is None:
        return np.ravel(a), 0
    return a, axes_of(axis, a.ndim)[0]


def _recurrence_value(w, c, axis):
    # Step by step: a tree would multiply up many c, which overflows where y does not.
    if w.ndim == 1:
        return _recurred(w.tolist(), c.tolist(), w.dtype)
    y = np.array(w)
    rows, factors = np.moveaxis(y, axis, 0), np.moveaxis(c, axis, 0)
    for i in range(1, len(rows)):
        rows[i] += factors[i] * rows[i - 1]
    return y


def _recurred(w, c, dtype):
    """The same of two lists: along a single row NumPy's calls cost more than Python's floats."""
    steps = zip(w[1:], c[1:], strict=True)
    y = itertools.accumulate(steps, lambda y, step: step[0] + step[1] * y, initial=(w or [0])[0])
    return np.fromiter(y, dtype, len(w))


def _recurrence_pullback(i, v_bar, v, w, c, axis):
    w_bar = _recurred_from_end(v_bar, c, axis)
    return w_bar if i == 0 else w_bar * _delayed(v, 0.0, axis)


def _recurrence_pushforward(i, x_dot, v, w, c, axis):
    return recurrence(x_dot if i == 0 else x_dot * _delayed(v, 0.0, axis), c, axis=axis)


# y_i = w_i + c_i y_(i-1) along an axis; its rules are recurrences again
recurrence = Primitive(
    "recurrence",
    _recurrence_value,
    _recurrence_pullback,
    _recurrence_pushforward,
    reads="yv",
    adjoints=("W̄ᵢ = Z̄ᵢ + Cᵢ₊₁ W̄ᵢ₊₁", "W̄ᵢ Zᵢ₋₁"),
)


def _recurred_from_end(w, c, axis):
    """y_i = w_i + c_(i+1) y_(i+1)."""
    factors = _delayed(np.flip(c, axis), 0.0, axis)
    return np.flip(recurrence(np.flip(w, axis), factors, axis=axis), axis)


def _cumprod_pullback(i, v_bar, v, x, axis):
    return _delayed(v, 1.0, axis) * _recurred_from_end(v_bar, x, axis)


def _cumprod_pushforward(i, x_dot, v, x, axis):
    return recurrence(x_dot * _delayed(v, 1.0, axis), x, axis=axis)


# What comes before an element, times a recurrence of what comes after: never the product divided
# by the element, which may be zero.
_cumprod = Primitive(
    "cumprod",
    np.cumprod,
    _cumprod_pullback,
    _cumprod_pushforward,
    reads="xv",
    adjoints=("Zᵢ₋₁ (Z̄ᵢ + Xᵢ₊₁ (Z̄ᵢ₊₁ + ...))",),
)


@answers(
    np.cumprod,
    samples=(
        lambda r: call(r.normal(size=5)),
        lambda r: call(np.array([2.0, 0.0, 3.0, 0.0, 4.0])),
        lambda r: call(r.normal(size=(3, 4)), axis=-1),
        lambda r: call(r.normal(size=(2, 3, 2)), axis=1),
    ),
)
def cumprod(a, axis=None, dtype=None, out=None):
    a, axis = _line(a, axis)
    return into(out, _cumprod(in_dtype(a, dtype), axis=axis))


@answers(np.nancumsum, samples=(lambda r: call(holed(r)), lambda r: call(holed(r), axis=-1)))
def nancumsum(a, axis=None, dtype=None, out=None):
    return cumsum(without_nan(as_array(a), 0.0), axis, dtype, out)


@answers(np.nancumprod, samples=(lambda r: call(holed(r)), lambda r: call(holed(r), axis=-1)))
def nancumprod(a, axis=None, dtype=None, out=None):
    return cumprod(without_nan(as_array(a), 1.0), axis, dtype, out)


@answers(
    np.diff,
    samples=(
        lambda r: call(r.normal(size=5)),
        lambda r: call(r.normal(size=(4, 3)), n=2, axis=0),
        lambda r: call(r.normal(size=(2, 3)), prepend=0.5, append=r.normal(size=(2, 2))),
    ),
)
def diff(a, n=1, axis=-1, prepend=None, append=None):
    a = as_array(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if n == 0:
        return a
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    (axis,) = axes_of(axis, a.ndim)
    a = _joined(a, prepend, append, axis)
    for _ in range(n):
        a = a[part(axis, 1, None)] - a[part(axis, -1)]
    return a


def _joined(a, before, after, axis):
    """`before`, `a` and `after` (numbers, arrays, or None) along an axis."""
    if before is None and after is None:
        return a
    one = tuple(1 if i == axis else n for i, n in enumerate(a.shape))
    ends = [x if x is None else as_array(x) for x in (before, after)]
    ends = [np.broadcast_to(x, one) if x is not None and x.ndim == 0 else x for x in ends]
    return np.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)


@answers(
    np.ediff1d,
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=4), to_end=r.normal(size=2), to_begin=0.5),
    ),
)
def ediff1d(ary, to_end=None, to_begin=None):
    inner = diff(np.ravel(as_array(ary)))
    ends = [x if x is None else np.ravel(as_array(x)) for x in (to_begin, to_end)]
    return _joined(inner, *ends, 0).astype(inner.dtype, copy=False)


@answers(
    getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz"),
    samples=(
        lambda r: call(r.normal(size=(3, 4)), dx=0.5),
        lambda r: call(r.normal(size=(4, 3)), np.sort(r.normal(size=4)), axis=0),
        lambda r: call(r.normal(size=(3, 4)), r.normal(size=(3, 4))),
    ),
)
def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = as_array(y)
    (axis,) = axes_of(axis, y.ndim)
    if x is not None:
        x = as_array(x)
        dx = _along(diff(x), axis, y.ndim) if x.ndim == 1 else diff(x, axis=axis)
    return np.sum(dx * (y[part(axis, 1, None)] + y[part(axis, -1)]) / 2.0, axis=axis)


def _along(x, axis, ndim):
    """A vector that lies along one of `ndim` axes."""
    return np.reshape(x, tuple(-1 if i == axis else 1 for i in range(ndim)))


@answers(
    np.gradient,
    samples=(
        lambda r: call(r.normal(size=5)),
        lambda r: call(r.normal(size=(4, 5)), 0.5, np.cumsum(r.uniform(1.0, 2.0, 5)), edge_order=2),
        lambda r: call(r.normal(size=(4, 5)), 0.5, axis=-2),
    ),
)
def gradient(f, *varargs, axis=None, edge_order=1):
    f = as_array(f)
    f = f if f.dtype.kind == "f" else f.astype(float)
    axes = axes_of(axis, f.ndim)
    if edge_order not in (1, 2):
        raise ValueError(f"expected edge_order 1 or 2; got {edge_order}")
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"expected a spacing for each of {len(axes)} axes; got {len(varargs)}")
    slopes = [_slopes(f, as_array(h), i, edge_order) for h, i in zip(spacings, axes, strict=True)]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _slopes(f, points, axis, edge_order):
    """Slopes along an axis: between neighbours, averaged by the distance of the other one."""
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"expected at least {edge_order + 1} elements along axis {axis}; got {n}")
    if points.ndim == 1 and points.shape[0] != n:
        raise ValueError(f"expected {n} points along axis {axis}; got {points.shape[0]}")
    steps = diff(points) if points.ndim else np.broadcast_to(points, (n - 1,))
    steps = _along(in_dtype(steps, f.dtype), axis, f.ndim)
    slopes = diff(f, axis=axis) / steps
    first, last = slopes[part(axis, 1)], slopes[part(axis, -1, None)]
    share = steps[part(axis, -1)] / (steps[part(axis, 1, None)] + steps[part(axis, -1)])
    bend = diff(slopes, axis=axis)
    inner = slopes[part(axis, -1)] + share * bend
    if edge_order == 2:
        first = first - share[part(axis, 1)] * bend[part(axis, 1)]
        last = last + (1.0 - share[part(axis, -1, None)]) * bend[part(axis, -1, None)]
    return np.concatenate([first, inner, last], axis)


def _convolve_pullback(i, v_bar, v, x, y, mode):
    if mode == "full":
        return np.correlate(v_bar, (y, x)[i], "valid")
    if i == 0:
        return np.convolve(v_bar, np.flip(y))
    return np.flip(np.correlate(x, v_bar, "valid"))


def _convolve_pushforward(i, x_dot, v, x, y, mode):
    return _convolve(x_dot, y, mode=mode) if i == 0 else _convolve(x, x_dot, mode=mode)


_convolve = Primitive(
    "convolve",  # full, or valid with the longer operand first
    np.convolve,
    _convolve_pullback,
    _convolve_pushforward,
    reads="xy",
    adjoints=("Z̄ correlated with Y", "Z̄ correlated with X"),
)
_PAIR_SAMPLES = (
    lambda r: call(r.normal(size=5), r.normal(size=3)),
    lambda r: call(r.normal(size=3), r.normal(size=6), "same"),
    lambda r: call(r.normal(size=6), r.normal(size=4), mode="same"),
    lambda r: call(r.normal(size=5), r.normal(size=2), mode="valid"),
    lambda r: call(r.normal(size=3), r.normal(size=5), mode="valid"),
    lambda r: call(r.normal(size=4), r.normal(size=2), mode="full"),
)


@answers(np.convolve, samples=_PAIR_SAMPLES)
def convolve(a, v, mode="full"):
    a, v = _row(a), _row(v)
    if v.size > a.size:
        a, v = v, a
    if v.size == 0:
        raise ValueError(f"expected two arrays with elements; got shapes {a.shape}, {v.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"expected mode 'full', 'same' or 'valid'; got {mode!r}")
    if mode != "same":
        return _convolve(a, v, mode=mode)
    first = (v.size - 1) // 2
    return _convolve(a, v, mode="full")[first : first + a.size]


def _row(a):
    a = as_array(a)
    return a if a.ndim else np.reshape(a, (1,))


@answers(np.correlate, samples=_PAIR_SAMPLES)
def correlate(a, v, mode="valid"):
    a, v = _row(a), _row(v)
    if v.size > a.size:
        return np.flip(correlate(v, a, mode))
    return convolve(a, np.flip(v), mode)
