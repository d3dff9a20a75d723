"""Sums, products, extrema and statistics along axes."""

import math
import operator

import numpy as np

from tapead._array import stretched
from tapead.primitives._core import as_array, keep
from tapead.primitives._row import Primitive, answers, call, into

_GIVEN = np._NoValue  # a default that no value can be


def axes_of(axis, ndim):
    """The axes that `axis` names (None: all), counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    for i in map(operator.index, axes):
        if not -ndim <= i < ndim:
            raise np.exceptions.AxisError(i, ndim)
    return tuple(i % ndim for i in axes)


def kept(shape, axis, keepdims=True):
    """`shape` with a 1 at every axis that is reduced, or without it."""
    axes = axes_of(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)


def lifted(v, shape, axis, keepdims):
    """A result of a reduction as it broadcasts against what was reduced."""
    return v if keepdims or axis is None else np.reshape(v, kept(shape, axis))


def in_dtype(a, dtype):
    """`a` in the precision that a caller asked for."""
    return a if floating(dtype) is None or a.dtype == dtype else a.astype(dtype)


def floating(dtype):
    """`dtype`, which has to carry a derivative."""
    if dtype is not None and np.dtype(dtype).char not in "fd":
        raise TypeError(
            f"expected dtype float32 or float64, which carry a derivative; got {np.dtype(dtype)}; "
            "leave dtype= away, or use the plain array a.value"
        )
    return dtype


def without_nan(a, fill):
    """`a` with `fill` in place of every NaN."""
    return np.where(np.isnan(a), fill, a)


def distinct(r, *shape):
    """A sample without ties."""
    return r.permutation(math.prod(shape)).reshape(shape) + 1.0


def _count(shape, axis, where, dtype, keepdims=True):
    """How many elements are reduced to one: a number, or one for every result under `where`."""
    if where is True:
        return math.prod(shape[i] for i in axes_of(axis, len(shape)))
    return np.sum(np.broadcast_to(where, shape), axis=axis, dtype=dtype, keepdims=keepdims)


def _sum_rule(i, v_bar, v, x, axis, dtype, keepdims, where):
    w = stretched(lifted(v_bar, x.shape, axis, keepdims), x.shape)
    return w if where is True else keep(w, where)


_sum = Primitive("sum", np.add.reduce, _sum_rule, reads="", moves=True, adjoints=("Z̄ broadcast",))


@answers(
    np.sum,
    samples=(
        lambda r: call(r.normal(size=(3, 4))),
        lambda r: call(r.normal(size=(3, 4)), axis=-1, keepdims=True),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, 2), initial=2.0),
        lambda r: call(r.normal(size=(3, 4)), axis=0, where=r.normal(size=(3, 4)) > 0),
    ),
)
def sum(a, axis=None, dtype=None, out=None, keepdims=False, initial=_GIVEN, where=True):
    dtype = floating(dtype)
    if hasattr(where, "__tapead_mask__"):
        a, where = np.where(where, as_array(a), 0.0), True
    result = _sum(as_array(a), axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    return into(out, result if initial is _GIVEN else result + initial)


@answers(
    np.mean,
    samples=(
        lambda r: call(r.normal(size=(3, 4))),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, -1), keepdims=True),
        lambda r: call(r.normal(size=(3, 4)), axis=1, where=np.eye(3, 4) == 0),
    ),
)
def mean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = as_array(a)
    total = np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    return into(out, total / _count(a.shape, axis, where, dtype or a.dtype, keepdims))


@answers(
    np.average,
    samples=(
        lambda r: call(r.normal(size=5), weights=r.uniform(1.0, 2.0, 5)),
        lambda r: call(r.normal(size=(3, 4)), 0, r.uniform(1.0, 2.0, 3), keepdims=True),
        lambda r: call(r.normal(size=(3, 4)), axis=1),
    ),
)
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = as_array(a)
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total = a.dtype.type(_count(a.shape, axis, True, a.dtype))
    else:
        weights = _weights_like(a, axis, as_array(weights))
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if np.any(total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        result = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, np.shape(result))) if returned else result


def _weights_like(a, axis, weights):
    """`weights`, perhaps given for the averaged axes alone, in the shape of `a`."""
    if weights.shape == a.shape:
        return weights
    axes = axes_of(axis, a.ndim)
    wanted = tuple(a.shape[i] for i in axes)
    if axis is None or weights.shape != wanted:
        raise ValueError(
            f"expected weights of shape {a.shape} or, along the axis, {wanted}; "
            f"got {weights.shape} with axis={axis}"
        )
    ordered = np.transpose(weights, sorted(range(len(axes)), key=axes.__getitem__))
    shape = tuple(n if i in axes else 1 for i, n in enumerate(a.shape))
    return np.broadcast_to(np.reshape(ordered, shape), a.shape)


def _others(x, axis):
    """For every element the product of the others: what comes before, times what comes after.

    Never the whole divided by the element, which may be zero.
    """
    axes = axes_of(axis, x.ndim)
    lead = x.ndim - len(axes)
    moved = np.moveaxis(x, axes, range(lead, x.ndim))
    shape = (*moved.shape[:lead], math.prod(moved.shape[lead:]))
    rows = np.reshape(moved, shape)
    one = np.ones(rows[..., :1].shape, x.dtype)
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([one, np.flip(rows[..., 1:], -1)], -1), -1)
    others = np.reshape(before * np.flip(after, -1), moved.shape)
    return np.moveaxis(others, range(lead, x.ndim), axes)


def _prod_pullback(i, v_bar, v, x, axis, keepdims):
    return lifted(v_bar, x.shape, axis, keepdims) * _others(x, axis)


def _prod_pushforward(i, x_dot, v, x, axis, keepdims):
    return np.sum(x_dot * _others(x, axis), axis=axis, keepdims=keepdims)


_prod = Primitive(
    "prod", np.prod, _prod_pullback, _prod_pushforward, reads="x", adjoints=("Z̄ × the others",)
)


@answers(
    np.prod,
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(3, 4)), axis=-1, keepdims=True),
        lambda r: call(r.normal(size=(2, 3, 2)), axis=(2, 0), initial=2.0),
        lambda r: call(np.array([0.0, 2.0, 3.0])),
        lambda r: call(r.normal(size=(3, 4)), axis=0, where=np.eye(3, 4) == 0),
    ),
)
def prod(a, axis=None, dtype=None, out=None, keepdims=False, initial=_GIVEN, where=True):
    a = in_dtype(as_array(a), dtype)
    a = a if where is True else np.where(where, a, 1.0)
    result = _prod(a, axis=axis, keepdims=keepdims)
    return into(out, result if initial is _GIVEN else result * initial)


def _hits(x, v, axis, keepdims, where):
    """Plain booleans: the elements that attain `v`; where that is NaN, the elements that are."""
    hits = (x == lifted(v, x.shape, axis, keepdims)) | np.isnan(x)
    return hits if where is True else hits & where


def _n_hits(hits, axis, dtype):
    """How many share a result, at least 1."""
    count = as_array(np.maximum(np.count_nonzero(hits, axis=axis), 1))
    return np.reshape(count.astype(dtype), kept(hits.shape, axis))


def _extremum_pullback(i, v_bar, v, x, axis, keepdims, where, **_):
    hits = _hits(x, v, axis, keepdims, where)
    share = lifted(v_bar, x.shape, axis, keepdims) / _n_hits(hits, axis, x.dtype)
    return keep(stretched(share, x.shape), hits)


def _extremum_pushforward(i, x_dot, v, x, axis, keepdims, where, **_):
    hits = _hits(x, v, axis, keepdims, where)
    total = np.sum(x_dot, axis=axis, keepdims=True, where=hits)
    return np.reshape(total / _n_hits(hits, axis, x.dtype), v.shape)


def _extremum(name, function):
    """The primitive of a maximum or minimum; `floor` is what it is of no elements, if anything."""

    def value(x, axis, keepdims, where, floor):
        initial = _GIVEN if floor is None else floor
        return function(x, axis=axis, keepdims=keepdims, where=where, initial=initial)

    return Primitive(
        name,
        value,
        _extremum_pullback,
        _extremum_pushforward,
        reads="xv",
        adjoints=("Z̄ / number of ties, where x = z",),
    )


_max = _extremum("max", np.max)
_min = _extremum("min", np.min)
EXTREMUM_SAMPLES = (
    lambda r: call(distinct(r, 3, 4)),
    lambda r: call(distinct(r, 3, 4), axis=-1, keepdims=True),
    lambda r: call(distinct(r, 2, 3, 4), axis=(0, 2)),
    lambda r: call(distinct(r, 3, 4), axis=0, initial=4.5, where=np.eye(3, 4) == 0),
)


def largest(a, axis=None, out=None, keepdims=False, initial=_GIVEN, where=True):
    floor = None if initial is _GIVEN else -math.inf
    result = _max(as_array(a), axis=axis, keepdims=keepdims, where=where, floor=floor)
    return into(out, result if initial is _GIVEN else np.maximum(result, initial))


@answers(np.min, np.amin, samples=EXTREMUM_SAMPLES)
def min(a, axis=None, out=None, keepdims=False, initial=_GIVEN, where=True):
    floor = None if initial is _GIVEN else math.inf
    result = _min(as_array(a), axis=axis, keepdims=keepdims, where=where, floor=floor)
    return into(out, result if initial is _GIVEN else np.minimum(result, initial))


@answers(np.ptp, samples=EXTREMUM_SAMPLES[:3])
def ptp(a, axis=None, out=None, keepdims=False):
    a = as_array(a)
    return into(out, np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims))


def _centred(x, axis, where):
    return x - np.mean(x, axis=axis, keepdims=True, where=where)


def _freedom(x, axis, ddof, where):
    """Degrees of freedom, one number for every result, with the axes kept."""
    count = np.asarray(_count(x.shape, axis, where, x.dtype), x.dtype)
    return np.maximum(count - ddof, 0).astype(x.dtype)


def _var_pullback(i, v_bar, v, x, axis, ddof, keepdims, where):
    scale = 2.0 * lifted(v_bar, x.shape, axis, keepdims) / _freedom(x, axis, ddof, where)
    w = scale * _centred(x, axis, where)
    return w if where is True else keep(w, where)


def _var_pushforward(i, x_dot, v, x, axis, ddof, keepdims, where):
    total = np.sum(_centred(x, axis, where) * x_dot, axis=axis, keepdims=True, where=where)
    return np.reshape(2.0 * total / _freedom(x, axis, ddof, where), v.shape)


def _half_over(v):
    """1 / 2v; 0 at a deviation of 0, which is a kink whose least slope is 0."""
    return 0.5 / np.where(v == 0, np.inf, v)


_var = Primitive(
    "var",
    np.var,
    _var_pullback,
    _var_pushforward,
    reads="xv",
    adjoints=("Z̄ 2 (X − mean) / (n − ddof)",),
)
_std = Primitive(
    "std",
    np.std,
    lambda i, v_bar, v, x, **how: _var_pullback(i, v_bar * _half_over(v), v, x, **how),
    lambda i, x_dot, v, x, **how: _var_pushforward(i, x_dot, v, x, **how) * _half_over(v),
    reads="xv",
    adjoints=("Z̄ (X − mean) / (n − ddof) Z",),
)
_SPREAD_SAMPLES = (
    lambda r: call(r.normal(size=(3, 4))),
    lambda r: call(r.normal(size=(3, 4)), axis=-1, ddof=1, keepdims=True),
    lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, 2)),
    lambda r: call(r.normal(size=(3, 4)), axis=0, where=np.eye(3, 4) == 0),
    lambda r: call(r.normal(size=(3, 4)), axis=0, mean=r.normal(size=(1, 4))),
)


def _spread(primitive, root):
    """numpy.var or numpy.std."""

    def spread(
        a, axis=None, dtype=None, out=None, ddof=0, keepdims=False,
        *, where=True, mean=_GIVEN, correction=_GIVEN,
    ):  # fmt: skip
        a = in_dtype(as_array(a), dtype)
        how = {"axis": axis, "ddof": _ddof(ddof, correction), "keepdims": keepdims, "where": where}
        result = primitive(a, **how) if mean is _GIVEN else root(_var_about(a, mean, **how))
        return into(out, result)

    return spread


answers(np.var, samples=_SPREAD_SAMPLES)(_spread(_var, lambda v: v))
answers(np.std, samples=_SPREAD_SAMPLES)(
    _spread(_std, lambda v: np.where(v == 0, 0.0, np.sqrt(v)))  # no path to the kink at 0
)


def _ddof(ddof, correction):
    if correction is _GIVEN:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def _var_about(a, mean, axis, ddof, keepdims, where):
    """Mean square distance from a `mean` that the caller has."""
    total = np.sum(np.square(a - as_array(mean)), axis=axis, keepdims=True, where=where)
    result = total / _freedom(a, axis, ddof, where)
    return np.reshape(result, kept(a.shape, axis, keepdims))


def holed(r):
    """A sample with a NaN."""
    a = distinct(r, 3, 4)
    a[0, 1] = np.nan
    return a


_HOLED_SAMPLES = (
    lambda r: call(holed(r)),
    lambda r: call(holed(r), axis=-1, keepdims=True),
)


def _with_fill(function, fill):
    """`function` of an array with its NaNs replaced."""
    return lambda a, *args, **kwargs: function(without_nan(as_array(a), fill), *args, **kwargs)


def _among_numbers(function):
    """`function` of the elements that are numbers."""

    def among(a, *args, where=True, **kwargs):
        numbers = where & ~np.isnan(as_array(a))
        return function(without_nan(as_array(a), 0.0), *args, where=numbers, **kwargs)

    return among


def _extremum_of_numbers(function, floor):
    """`function` of the elements that are numbers; NaN where there are none."""

    def among(a, axis=None, out=None, keepdims=False, initial=_GIVEN, where=True):
        a = as_array(a)
        numbers = where & ~np.isnan(a)
        how = {"axis": axis, "keepdims": keepdims}
        if initial is not _GIVEN:
            return function(a, out=out, where=numbers, initial=initial, **how)
        result = function(a, where=numbers, initial=floor, **how)
        return into(out, np.where(np.any(numbers, **how), result, np.nan))

    return among


answers(np.nansum, samples=_HOLED_SAMPLES)(_with_fill(np.sum, 0.0))
answers(np.nanprod, samples=_HOLED_SAMPLES)(_with_fill(np.prod, 1.0))
answers(np.nanmean, samples=_HOLED_SAMPLES)(_among_numbers(np.mean))
answers(np.nanvar, samples=_HOLED_SAMPLES)(_among_numbers(np.var))
answers(np.nanstd, samples=_HOLED_SAMPLES)(_among_numbers(np.std))
answers(np.nanmax, samples=_HOLED_SAMPLES)(_extremum_of_numbers(np.max, -math.inf))
answers(np.nanmin, samples=_HOLED_SAMPLES)(_extremum_of_numbers(np.min, math.inf))
