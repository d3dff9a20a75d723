"""Arrays made new: like others, as copies, between ends, around a diagonal."""

import numpy as np

from tapead._array import passive
from tapead.primitives._core import as_array, copied, data_of, is_traced, plain_value
from tapead.primitives._indexing import spread
from tapead.primitives._reductions import floating
from tapead.primitives._row import answers, call
from tapead.primitives._shapes import existing
from tapead.primitives._sorting import answers_plainly

REFUSED = dict.fromkeys(
    (np.save, np.savetxt, np.savez, np.savez_compressed), "save the numbers a.value"
)
CREATORS = set()  # functions whose results tapead.numpy lets hold what is traced


def writable(x):
    """`x` as an array that traced values can be written to, if it is of real numbers."""
    return passive(x) if isinstance(x, np.ndarray) and x.dtype.char in "fd" else x


def _creates(*functions, samples=()):
    """Answer functions that make an array, and let tapead.numpy know them."""
    CREATORS.update(functions)
    return answers(*functions, samples=samples)


def _made_by(function):
    """`function`, whose result can be written to."""
    return lambda *args, **kwargs: writable(function(*args, **kwargs))


for _function in (
    np.arange,
    np.empty,
    np.eye,
    np.fromfunction,
    np.identity,
    np.ones,
    np.tri,
    np.zeros,
):
    _creates(_function)(_made_by(_function))


def _like(function):
    """`function` of what is known of a traced array."""
    return lambda a, *args, **kwargs: writable(function(data_of(a), *args, **kwargs))


for _function in (np.empty_like, np.ones_like, np.zeros_like):
    _creates(_function)(_like(_function))


@_creates(np.full)
def full(shape, fill_value, dtype=None, order="C", *, device=None):
    fill_value = as_array(fill_value)
    return _filled(np.empty(shape, dtype or fill_value.dtype, order), fill_value)


@_creates(np.full_like, samples=(lambda r: call(r.normal(size=(2, 3)), r.normal(size=3)),))
def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    a = data_of(a)
    return _filled(np.empty_like(a, dtype, order, shape=shape), as_array(fill_value))


def _filled(empty, value):
    """The plain array `empty` with `value` in it."""
    if is_traced(value):
        floating(empty.dtype)
    out = writable(empty)
    out[...] = value
    return out


@_creates(
    np.copy,
    samples=(lambda r: call(r.normal(size=(2, 3))), lambda r: call(r.normal(size=(2, 3)), "F")),
)
def copy(a, order="K", subok=False):
    a = as_array(a)
    return _in_order(a.copy(), order) if is_traced(a) else writable(np.copy(a, order))


def _in_order(a, order):
    """`a` itself, or a copy if its elements do not lie in the order that is wanted."""
    if np.ndim(a) == 0:
        return a
    flags = a.flags
    if order == "C" and not flags.c_contiguous:
        return copied(a)
    if order == "F" and not flags.f_contiguous:
        return np.transpose(copied(np.transpose(a)))
    return a


@_creates(np.array)
def array(object, dtype=None, *, copy=True, order="K", subok=False, ndmin=0):
    a = as_array(object)
    if not is_traced(a):
        return writable(np.array(a, dtype, order=order, ndmin=ndmin))
    a = _cast(a, dtype)
    a = a.copy() if copy and a is object else a
    return _in_order(np.reshape(a, (1,) * (ndmin - a.ndim) + a.shape), order)


def _cast(a, dtype):
    return a if floating(dtype) is None else a.astype(dtype, copy=False)


@_creates(np.asarray, np.asanyarray)
def asarray(a, dtype=None, order=None, *, device=None, copy=None):
    array = as_array(a)
    if not is_traced(array):
        plain = np.array(array, dtype, copy=True) if copy else np.asarray(array, dtype)
        return plain if plain is a else writable(plain)
    array = _in_order(_cast(array, dtype), order)
    if copy is False and array is not a:
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return array.copy() if copy and array is a else array


@_creates(np.ascontiguousarray)
def ascontiguousarray(a, dtype=None):
    return np.atleast_1d(asarray(a, dtype, "C"))


@_creates(np.asfortranarray)
def asfortranarray(a, dtype=None):
    return np.atleast_1d(asarray(a, dtype, "F"))


@answers(*existing("astype"))
def astype(x, dtype, /, *, copy=True, device=None):
    return as_array(x).astype(dtype, copy=copy)


_ENDS_SAMPLES = (
    lambda r: call(r.uniform(1.0, 2.0, 3), r.uniform(2.0, 3.0, (2, 1)), 4),
    lambda r: call(r.uniform(1.0, 2.0, 3), r.uniform(2.0, 3.0, 3), 3, False, axis=-1),
)


@_creates(np.linspace, samples=_ENDS_SAMPLES)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    if not _any_traced(start, stop):
        made = np.linspace(start, stop, num, endpoint, retstep, dtype, axis)
        return (writable(made[0]), made[1]) if retstep else writable(made)
    start, stop, t = _ends(np.linspace, start, stop, num, endpoint)
    result = _cast(np.moveaxis(as_array(start * (1 - t) + stop * t), 0, axis), dtype)
    n_steps = num - bool(endpoint)
    return (result, (stop - start) / n_steps if n_steps > 0 else np.nan) if retstep else result


def _any_traced(*ends):
    return any(is_traced(as_array(x)) for x in ends)


def _ends(function, start, stop, num, endpoint):
    """Both ends, and how far from the first to the second every element is, along a new axis."""
    wanted = function(data_of(start), data_of(stop), 0).dtype
    start, stop = (x if np.ndim(x) == 0 else as_array(x).astype(wanted) for x in (start, stop))
    t = np.linspace(0.0, 1.0, num, endpoint, dtype=wanted)
    return start, stop, np.reshape(t, (-1,) + (1,) * max(np.ndim(start), np.ndim(stop)))


@_creates(np.logspace, samples=_ENDS_SAMPLES)
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    if np.ndim(base):
        base = np.expand_dims(as_array(base), axis)
    result = as_array(np.power(base, exponents))
    return _cast(result, dtype) if is_traced(result) else writable(result)


@_creates(np.geomspace, samples=_ENDS_SAMPLES)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    if not _any_traced(start, stop):
        return writable(np.geomspace(start, stop, num, endpoint, dtype, axis))
    if np.any(plain_value(start) == 0) or np.any(plain_value(stop) == 0):
        raise ValueError("Geometric sequence cannot include zero")
    start, stop, t = _ends(np.geomspace, start, stop, num, endpoint)
    return _cast(np.moveaxis(as_array(start * (stop / start) ** t), 0, axis), dtype)


@answers(
    np.diag,
    samples=(
        lambda r: call(r.normal(size=3)),
        lambda r: call(r.normal(size=2), -1),
        lambda r: call(r.normal(size=(3, 4)), k=1),
    ),
)
def diag(v, k=0):
    v = as_array(v)
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = v.size + abs(k)
    places = np.arange(v.size)
    return spread(v, (places + max(-k, 0), places + max(k, 0)), np.broadcast_to(0.0, (n, n)))


@answers(np.diagflat, samples=(lambda r: call(r.normal(size=(2, 2)), k=1),))
def diagflat(v, k=0):
    return np.diag(np.ravel(as_array(v)), k)


_TRIANGLE_SAMPLES = (
    lambda r: call(r.normal(size=(3, 4))),
    lambda r: call(r.normal(size=(2, 3, 3)), k=-1),
    lambda r: call(r.normal(size=3), 1),
)


@answers(np.tril, samples=_TRIANGLE_SAMPLES)
def tril(m, k=0):
    m = as_array(m)
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, 0.0)


@answers(np.triu, samples=_TRIANGLE_SAMPLES)
def triu(m, k=0):
    m = as_array(m)
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), 0.0, m)


@answers(
    np.meshgrid,
    samples=(
        lambda r: call(r.normal(size=2), r.normal(size=3)),
        lambda r: call(r.normal(size=2), r.normal(size=3), r.normal(size=2), indexing="ij"),
        lambda r: call(r.normal(size=2), r.normal(size=3), sparse=True),
    ),
)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    places = np.meshgrid(
        *(np.arange(np.size(data_of(x))) for x in xi), sparse=True, indexing=indexing
    )
    grid = [np.reshape(as_array(x), p.shape) for x, p in zip(xi, places, strict=True)]
    if sparse:
        return tuple(map(np.copy, grid) if copy else grid)
    shape = np.broadcast_shapes(*(x.shape for x in grid))
    if not copy:
        return tuple(np.broadcast_to(x, shape) for x in grid)
    return tuple(np.tile(x, _missing(x.shape, shape)) for x in grid)


def _missing(shape, wanted):
    """How often every axis comes in a broadcast."""
    return tuple(n if k == 1 else 1 for k, n in zip(shape, wanted, strict=True))


for _function in (
    np.angle, np.can_cast, np.common_type, np.diag_indices_from, np.min_scalar_type,
    np.tril_indices_from, np.triu_indices_from,
):  # fmt: skip
    answers_plainly(_function)
