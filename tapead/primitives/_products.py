"""Products of vectors, matrices and tensors."""

import math
import operator

import numpy as np

from tapead.primitives._core import as_array, unbroadcast
from tapead.primitives._images import product_of_windows
from tapead.primitives._reductions import axes_of
from tapead.primitives._row import Primitive, answers, call, into
from tapead.primitives._shapes import existing


def transposed(x):
    """View of `x` with the last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def _matmul_pullback(i, w, v, x, y):
    if x.ndim == 2 == y.ndim:
        return _product_like(x, w, y.T) if i == 0 else _product_like(y, x.T, w)
    if x.ndim == 1 or y.ndim == 1:
        return _vector_pullback(i, w, x, y)
    if i == 1 and y.ndim == 2:
        return np.matmul(_rows(x).T, _rows(w))  # one product for the whole stack
    if i == 0:
        return unbroadcast(np.matmul(w, transposed(y)), x.shape)
    return unbroadcast(np.matmul(transposed(x), w), y.shape)


def _product_like(x, a, b):
    """``a @ b``, in memory as the matrix `x` lies: for ``w.T`` it is one of `w` row by row."""
    if isinstance(x, np.ndarray) and x.flags.fnc:
        return np.matmul(b.T, a.T).T
    return np.matmul(a, b)


def _rows(x):
    """The last axis, and all others as one."""
    return np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _vector_pullback(i, w, x, y):
    """Where `x` is a row or `y` a column, without the axis that it would have as a matrix."""
    if x.ndim == y.ndim:
        return w * (y if i == 0 else x)
    if y.ndim == 1:
        return w[..., None] * y if i == 0 else np.matmul(_rows(x).T, np.ravel(w))
    if i == 1:
        return x[:, None] * w[..., None, :]
    return unbroadcast(np.matmul(y, w[..., None])[..., 0], x.shape)


_matmul = Primitive("matmul", np.matmul, _matmul_pullback, reads="xy", adjoints=("Z̄ Yᵀ", "Xᵀ Z̄"))
_MATRIX_SAMPLES = (
    lambda r: call(r.normal(size=(3, 4)), r.normal(size=(4, 2))),
    lambda r: call(r.normal(size=4), r.normal(size=4)),
    lambda r: call(r.normal(size=(3, 4)), r.normal(size=4)),
    lambda r: call(r.normal(size=4), r.normal(size=(4, 2))),
    lambda r: call(r.normal(size=(2, 3, 4)), r.normal(size=(4, 2))),
)
_STACK_SAMPLES = (
    lambda r: call(r.normal(size=(3, 4)), r.normal(size=(2, 4, 2))),
    lambda r: call(r.normal(size=(2, 1, 3, 4)), r.normal(size=(3, 4, 2))),
    lambda r: call(r.normal(size=(2, 3, 4)), r.normal(size=4)),
    lambda r: call(r.normal(size=4), r.normal(size=(3, 4, 2))),
)


@answers(
    np.matmul,
    *existing("matmul", of=np.linalg),
    samples=_MATRIX_SAMPLES + _STACK_SAMPLES,
)
def matmul(x1, x2, /, *, axes=None, casting="same_kind", order="K", subok=True):
    return _along(_matmul, (as_array(x1), as_array(x2)), axes)


def _along(product, operands, axes):
    """A product of which the axes that NumPy calls core are elsewhere than at the end."""
    if axes is None:
        return product(*operands)
    places = [place if isinstance(place, tuple) else (place,) for place in axes]
    moved = [
        np.moveaxis(x, place, range(-len(place), 0))
        for x, place in zip(operands, places, strict=False)
    ]
    after = places[2] if len(places) == 3 else ()
    v = product(*moved)
    return np.moveaxis(v, range(-len(after), 0), after) if after else v


_vecdot = Primitive(
    "vecdot",
    getattr(np, "vecdot", None),  # NumPy 2
    lambda i, w, v, x, y: unbroadcast(w[..., None] * (y if i == 0 else x), (x, y)[i].shape),
    reads="xy",
    adjoints=("Z̄ Y", "Z̄ X"),
)


@answers(
    *existing("vecdot"),
    *existing("vecdot", of=np.linalg),
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=3)),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=3)),
        lambda r: call(r.normal(size=(3, 2)), r.normal(size=(3, 1)), axis=0),
    ),
)
def vecdot(
    x1, x2, /, *, axis=-1, axes=None, keepdims=False, casting="same_kind", order="K", subok=True
):
    axes = ((axis,), (axis,)) if axes is None else axes[:2]
    v = _along(_vecdot, (as_array(x1), as_array(x2)), axes)
    return np.expand_dims(v, axis) if keepdims else v


@answers(
    *existing("matvec"),
    samples=(
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=3)),
        lambda r: call(r.normal(size=(4, 2, 3)), r.normal(size=(4, 3))),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(4, 3))),
    ),
)
def matvec(x1, x2, /, *, axes=None, casting="same_kind", order="K", subok=True):
    return _along(_matvec, (as_array(x1), as_array(x2)), axes)


def _matvec(x, y):
    return _matmul(x, y) if y.ndim == 1 else _matmul(x, y[..., None])[..., 0]


@answers(
    *existing("vecmat"),
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=(3, 2))),
        lambda r: call(r.normal(size=(4, 3)), r.normal(size=(4, 3, 2))),
        lambda r: call(r.normal(size=(4, 3)), r.normal(size=(3, 2))),
    ),
)
def vecmat(x1, x2, /, *, axes=None, casting="same_kind", order="K", subok=True):
    return _along(_vecmat, (as_array(x1), as_array(x2)), axes)


def _vecmat(x, y):
    return _matmul(x, y) if y.ndim == 2 or x.ndim == 1 else _matmul(x[..., None, :], y)[..., 0, :]


@answers(
    np.dot,
    samples=(
        *_MATRIX_SAMPLES,
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(4, 3, 2))),
    ),
)
def dot(a, b, out=None):
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return into(out, np.multiply(a, b))
    return into(out, _matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2)))


@answers(
    np.vdot,
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=3)),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(3, 2))),
    ),
)
def vdot(a, b, /):
    return _matmul(np.ravel(as_array(a)), np.ravel(as_array(b)))


@answers(
    np.inner,
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=3)),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(4, 3))),
        lambda r: call(r.normal(size=3), r.normal(size=(2, 2, 3))),
    ),
)
def inner(a, b, /):
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return _matmul(a, b.T) if b.ndim <= 2 else np.tensordot(a, b, (-1, -1))


_outer = Primitive(
    "outer",
    np.outer,
    lambda i, w, v, x, y: np.matmul(w, y) if i == 0 else np.matmul(x, w),
    reads="xy",
    adjoints=("Z̄ y", "xᵀ Z̄"),
)


@answers(
    np.outer,
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=2)),
        lambda r: call(r.normal(size=(2, 2)), r.normal(size=3)),
    ),
)
def outer(a, b, out=None):
    return into(out, _outer(np.ravel(as_array(a)), np.ravel(as_array(b))))


@answers(
    *existing("outer", of=np.linalg),
    samples=(lambda r: call(r.normal(size=3), r.normal(size=2)),),
)
def _outer_of_vectors(x1, x2, /):
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"expected one-dimensional arrays; got shapes {x1.shape} and {x2.shape}")
    return _outer(x1, x2)


@answers(
    np.tensordot,
    *existing("tensordot", of=np.linalg),
    samples=(
        lambda r: call(r.normal(size=(2, 3, 4)), r.normal(size=(3, 4, 2))),
        lambda r: call(r.normal(size=(2, 3, 4)), r.normal(size=(4, 3)), axes=((-1, 1), (0, 1))),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=4), axes=0),
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(2, 3))),
    ),
)
def tensordot(a, b, axes=2):
    a, b = as_array(a), as_array(b)
    if (found := product_of_windows(a, b, axes)) is not None:
        return found
    left, right = _summed_axes(axes, a.ndim, b.ndim)
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError(f"shape-mismatch for sum: {a.shape} and {b.shape} with axes={axes}")
    rows, columns = ([i for i in range(x.ndim) if i not in s] for x, s in ((a, left), (b, right)))
    over, under = [a.shape[i] for i in rows], [b.shape[i] for i in columns]
    n_terms = math.prod(a.shape[i] for i in left)
    a = np.reshape(np.transpose(a, (*rows, *left)), (math.prod(over), n_terms) if rows else n_terms)
    b = np.transpose(b, (*right, *columns))
    b = np.reshape(b, (n_terms, math.prod(under)) if columns else n_terms)
    v = _matmul(a, b)
    return np.reshape(v, over + under) if rows or columns else v


def _summed_axes(axes, a_ndim, b_ndim):
    """The axes of two arrays that `axes` of `numpy.tensordot` names."""
    if not np.iterable(axes):
        n = operator.index(axes)
        return tuple(range(a_ndim - n, a_ndim)), tuple(range(n))
    left, right = (tuple(side) if np.iterable(side) else (side,) for side in axes)
    return axes_of(left, a_ndim), axes_of(right, b_ndim)


@answers(
    np.kron,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), r.normal(size=(3, 2))),
        lambda r: call(r.normal(size=2), r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 2, 2)), r.normal(size=3)),
    ),
)
def kron(a, b):
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    a = np.reshape(a, [n for pair in zip(left, (1,) * ndim, strict=True) for n in pair])
    b = np.reshape(b, [n for pair in zip((1,) * ndim, right, strict=True) for n in pair])
    return np.reshape(a * b, [m * n for m, n in zip(left, right, strict=True)])


_cross = Primitive(
    "cross",
    np.cross,
    lambda i, w, v, x, y: unbroadcast(
        np.cross(y, w) if i == 0 else np.cross(w, x), (x, y)[i].shape
    ),
    reads="xy",
    adjoints=("Y × Z̄", "Z̄ × X"),
)


@answers(
    np.cross,
    samples=(
        lambda r: call(r.normal(size=3), r.normal(size=3)),
        lambda r: call(r.normal(size=(4, 3)), r.normal(size=3)),
        lambda r: call(r.normal(size=(3, 2)), r.normal(size=(2, 3)), axisa=0, axisc=0),
    ),
)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(as_array(a), axisa, -1), np.moveaxis(as_array(b), axisb, -1)
    lengths = {a.shape[-1], b.shape[-1]}
    if not lengths <= {2, 3}:
        raise ValueError(
            f"expected vectors of dimension 2 or 3 for a cross product; got {a.shape}, {b.shape}"
        )
    if lengths == {2}:
        (a0, a1), (b0, b1) = (np.moveaxis(x, -1, 0) for x in (a, b))
        return a0 * b1 - a1 * b0
    v = _cross(_in_space(a), _in_space(b))
    return v if axisc == -1 else np.moveaxis(v, -1, axisc)


def _in_space(a):
    """Vectors of the plane as vectors of space."""
    if a.shape[-1] == 3:
        return a
    return np.concatenate([a, np.zeros((*a.shape[:-1], 1), a.dtype)], -1)


@answers(
    *existing("cross", of=np.linalg),
    samples=(lambda r: call(r.normal(size=(3, 2)), r.normal(size=(3, 1)), axis=0),),
)
def _cross_in_space(x1, x2, /, *, axis=-1):
    x1, x2 = as_array(x1), as_array(x2)
    if not x1.shape[axis] == 3 == x2.shape[axis]:
        raise ValueError(f"expected vectors of dimension 3; got shapes {x1.shape} and {x2.shape}")
    return cross(x1, x2, axis=axis)


@answers(
    np.trace,
    samples=(
        lambda r: call(r.normal(size=(3, 4))),
        lambda r: call(r.normal(size=(3, 4)), offset=1),
        lambda r: call(r.normal(size=(3, 2, 4)), -1, axis1=-1, axis2=0),
    ),
)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(np.diagonal(as_array(a), offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@answers(
    *existing("trace", of=np.linalg),
    samples=(lambda r: call(r.normal(size=(2, 3, 3)), offset=-1),),
)
def _trace_of_matrices(x, /, *, offset=0, dtype=None):
    return trace(x, offset, -2, -1, dtype)
