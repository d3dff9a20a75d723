"""Sorting, searching and counting: what moves elements, and what answers with plain values."""

import math

import numpy as np

from tapead.primitives._core import as_array, data_of, plain_value
from tapead.primitives._reductions import axes_of, distinct, kept
from tapead.primitives._row import Primitive, answers, call, into, is_traced


def _inverse(order, axis):
    """The permutation that undoes `order`."""
    inverse = np.empty_like(order)
    shape = tuple(-1 if i == axis else 1 for i in range(order.ndim))
    places = np.broadcast_to(np.reshape(np.arange(order.shape[axis]), shape), order.shape)
    np.put_along_axis(inverse, order, places, axis)
    return inverse


def _permuted_pullback(i, v_bar, v, x, indices, axis):
    return permuted(v_bar, indices=_inverse(indices, axis), axis=axis)


permuted = Primitive(
    "permuted",
    np.take_along_axis,
    _permuted_pullback,
    reads="",
    moves=True,
    adjoints=("Z̄ in the order of X",),
)


def _line(a, axis):
    """`a`, flattened if `axis` is None, and the axis counted from the front."""
    a = as_array(a)
    return (np.ravel(a), 0) if axis is None else (a, axes_of(axis, a.ndim)[0])


@answers(
    np.sort,
    samples=(
        lambda r: call(distinct(r, 6)),
        lambda r: call(distinct(r, 3, 4), axis=0),
        lambda r: call(distinct(r, 2, 3, 4), axis=None),
    ),
)
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    a, axis = _line(a, axis)
    _no_fields(order)
    return permuted(a, indices=_stable_order(plain_value(a), axis), axis=axis)


def _no_fields(order):
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")


def _stable_order(x, axis):
    """The stable permutation that sorts; without ties, any is, and the fastest will do."""
    order = np.argsort(x, axis)
    ordered = np.moveaxis(np.take_along_axis(x, order, axis), axis, 0)
    distinct = np.all(ordered[1:] > ordered[:-1])  # of NaNs too
    return order if distinct else np.argsort(x, axis, kind="stable")


@answers(
    np.partition,
    samples=(
        lambda r: call(distinct(r, 6), 2),
        lambda r: call(distinct(r, 3, 4), (0, 2), axis=0),
    ),
)
def partition(a, kth, axis=-1, kind="introselect", order=None):
    a, axis = _line(a, axis)
    _no_fields(order)
    order = np.argpartition(plain_value(a), kth, axis, kind)
    return permuted(a, indices=order, axis=axis)


@answers(
    np.median,
    samples=(
        lambda r: call(distinct(r, 7)),
        lambda r: call(distinct(r, 3, 4), axis=-1, keepdims=True),
        lambda r: call(distinct(r, 2, 3, 4), axis=(0, 2)),
    ),
)
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    a = as_array(a)
    rows, shape = _rows(a, axis), kept(a.shape, axis, keepdims)
    n = rows.shape[-1]
    if n == 0:
        return into(out, np.full(shape, np.nan, a.dtype))
    middle = [_ranked(plain_value(rows), k) for k in sorted({(n - 1) // 2, n // 2})]
    values = np.take_along_axis(rows, np.concatenate(middle, -1), -1)
    return into(out, np.reshape(np.mean(values, axis=-1), shape))


def _rows(a, axis):
    """`a` with the axes that `axis` names joined into one, the last."""
    axes = axes_of(axis, a.ndim)
    lead = a.ndim - len(axes)
    moved = np.moveaxis(a, axes, range(lead, a.ndim))
    return np.reshape(moved, (*moved.shape[:lead], math.prod(moved.shape[lead:])))


def _ranked(x, k):
    """Index of the k-th smallest of every row, by the stable order; of a NaN where there is one."""
    value = np.partition(x, k)[..., k : k + 1]
    equal = x == value
    earlier = k - np.count_nonzero(x < value, axis=-1, keepdims=True)
    if np.any(earlier):
        equal &= np.cumsum(equal, -1) > earlier
    wrong = np.isnan(x)
    equal = np.where(np.any(wrong, -1, keepdims=True), wrong, equal)
    return np.argmax(equal, -1, keepdims=True)


@answers(
    np.unique,
    samples=(
        lambda r: call(distinct(r, 2, 3)),
        lambda r: call(distinct(r, 2, 3), axis=0),
    ),
)
def unique(ar, return_index=False, return_inverse=False, return_counts=False, axis=None, **how):
    ar = as_array(ar)
    x = plain_value(ar)
    _, index, *rest = np.unique(x, True, return_inverse, return_counts, axis, **how)
    ar = np.ravel(ar) if axis is None else ar
    values = np.take(ar, index, 0 if axis is None else axis)
    results = (values, index, *rest) if return_index else (values, *rest)
    return results if len(results) > 1 else values


def plain(x):
    """`x`, or what a list holds, without derivatives."""
    if isinstance(x, list | tuple):
        return type(x)(map(plain, x))
    return plain_value(x) if is_traced(x) else x


def unread(x):
    """As `plain`, for what looks at shapes and dtypes only."""
    if isinstance(x, list | tuple):
        return type(x)(map(unread, x))
    return data_of(x) if is_traced(x) else x


def answers_plainly(function, plain=plain):
    """Answer `function`, whose result is piecewise constant, with a plain value."""

    def plainly(*args, **kwargs):
        values = {name: plain(value) for name, value in kwargs.items()}
        return function(*map(plain, args), **values)

    return answers(function)(plainly)


for _function in (
    np.all, np.allclose, np.any, np.argmax, np.argmin, np.argpartition, np.argsort, np.argwhere,
    np.array2string, np.array_equal, np.array_equiv, np.array_repr, np.array_str,
    np.count_nonzero, np.digitize, np.flatnonzero, np.isclose, np.iscomplex,
    np.isin, np.isneginf, np.isposinf, np.isreal, np.lexsort,
    np.nanargmax, np.nanargmin, np.nonzero, np.searchsorted,
):  # fmt: skip
    answers_plainly(_function)
for _of_form in (
    np.iscomplexobj, np.isrealobj, np.may_share_memory, np.ndim, np.result_type, np.shape,
    np.shares_memory, np.size,
):  # fmt: skip
    answers_plainly(_of_form, unread)
