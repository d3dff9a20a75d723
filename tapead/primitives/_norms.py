"""Norms of vectors and matrices."""

import math

import numpy as np

from tapead.primitives._core import as_array, plain_value
from tapead.primitives._reductions import axes_of, kept, lifted
from tapead.primitives._row import Primitive, answers, call
from tapead.primitives._shapes import existing


@np.errstate(over="ignore", under="ignore")
def _norm_value(x, axis, keepdims, p):
    """The p-norm; scaled where squares overflow or underflow."""
    v = _unscaled(x, axis, keepdims, p)
    tiny = np.finfo(x.dtype).tiny ** 0.5 if p == 2 else np.finfo(x.dtype).tiny ** 0.1
    if np.all((v > tiny) & (v < np.inf)):
        return v
    scale = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    scale = np.where((scale > 0) & (scale < np.inf), scale, x.dtype.type(1))
    return np.reshape(scale, np.shape(v)) * _unscaled(x / scale, axis, keepdims, p)


def _unscaled(x, axis, keepdims, p):
    if p != 2:
        return np.sum(np.abs(x) ** p, axis=axis, keepdims=keepdims) ** (1.0 / p)
    if axis is None:
        return np.linalg.norm(x, keepdims=keepdims)
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _slopes(v, x, axis, keepdims, p):
    """Partials of the norm: 0 at the kink of vectors that are 0."""
    v = np.reshape(v, kept(x.shape, axis))  # axes: a comparison of a number would be a guard
    v = np.where(v == 0, np.inf, v)
    return x / v if p == 2 else np.sign(x) * (np.abs(x) / v) ** (p - 1.0)


@np.errstate(divide="ignore", invalid="ignore")
def _norm_pullback(i, w, v, x, axis, keepdims, p):
    return lifted(w, x.shape, axis, keepdims) * _slopes(v, x, axis, keepdims, p)


@np.errstate(divide="ignore", invalid="ignore")
def _norm_pushforward(i, dot, v, x, axis, keepdims, p):
    return np.sum(_slopes(v, x, axis, keepdims, p) * dot, axis=axis, keepdims=keepdims)


_norm = Primitive(
    "norm", _norm_value, _norm_pullback, _norm_pushforward, reads="xv", adjoints=("Z̄ X / Z",)
)


@answers(
    np.linalg.norm,
    samples=(
        lambda r: call(r.normal(size=(3, 4))),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=-1, keepdims=True),
        lambda r: call(r.normal(size=5), 3),
        lambda r: call(r.normal(size=(3, 4)), 1.5, axis=0),
        *(lambda r, p=p: call(r.normal(size=(3, 4)), p, 1) for p in (1, -1, np.inf, -np.inf)),
        *(
            lambda r, p=p: call(r.normal(size=(3, 4)), p)
            for p in (1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc")
        ),
        lambda r: call(r.normal(size=(3, 2, 4)), 2, axis=(2, 0), keepdims=True),
        lambda r: call(r.normal(size=(3, 2, 4)), np.inf, axis=(2, 0), keepdims=True),
    ),
)
def norm(x, ord=None, axis=None, keepdims=False):
    x = as_array(x)
    if axis is None and ord is None:
        return _norm(x, axis=None, keepdims=keepdims, p=2)
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _vector_norm(x, p, axes, keepdims):
    how = {"axis": axes, "keepdims": keepdims}
    if isinstance(p, str):
        raise ValueError(f"Invalid norm order {p!r} for vectors")
    p = 2 if p is None else p
    if p == 0:
        return np.sum(plain_value(x) != 0, dtype=x.dtype, **how)
    if p == math.inf:
        return np.max(np.abs(x), **how) if x.size else np.sum(x, **how)
    if p == -math.inf:
        return np.min(np.abs(x), **how)
    if p == 1:
        return np.sum(np.abs(x), **how)
    return _norm(x, p=p, **how)


# What the norm of a matrix is of the sums of absolute values over an axis, or of singular values.
_OF_SUMS = {1: (np.max, 0), -1: (np.min, 0), math.inf: (np.max, 1), -math.inf: (np.min, 1)}
_OF_SINGULAR_VALUES = {2: np.max, -2: np.min, "nuc": np.sum}


def _matrix_norm(x, p, axes, keepdims):
    if axes[0] == axes[1]:
        raise ValueError("Duplicate axes given.")
    if p in (None, "fro", "f"):
        return _norm(x, axis=axes, keepdims=keepdims, p=2)
    if p in _OF_SINGULAR_VALUES:
        s = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        result = _OF_SINGULAR_VALUES[p](s, axis=-1) if s.size else np.sum(s, axis=-1)
    elif p in _OF_SUMS:
        extremum, summed = _OF_SUMS[p]
        sums = np.sum(np.abs(x), axis=axes[summed], keepdims=True)
        result = extremum(sums, axis=axes) if x.size else np.sum(sums, axis=axes)
    else:
        raise ValueError(f"Invalid norm order {p!r} for matrices.")
    return np.reshape(result, kept(x.shape, axes)) if keepdims else result


@answers(
    *existing("vector_norm", of=np.linalg),
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, -1), ord=3, keepdims=True),
    ),
)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    x = as_array(x)
    return _vector_norm(x, ord, axes_of(axis, x.ndim), keepdims)


@answers(
    *existing("matrix_norm", of=np.linalg),
    samples=(
        lambda r: call(r.normal(size=(2, 3, 4))),
        lambda r: call(r.normal(size=(2, 3, 4)), ord="nuc", keepdims=True),
    ),
)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    x = as_array(x)
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)
