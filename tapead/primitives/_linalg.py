"""Linear systems, pseudoinverses and powers.

Where the matrix is large, its triangular factors are kept from the solution of a system to the
adjoints of it, which SciPy's LAPACK computes from them.
"""

import functools
import math
import operator

import numpy as np

from tapead.primitives._core import as_array, plain_value, unbroadcast
from tapead.primitives._determinants import inv, inverse, regular
from tapead.primitives._norms import norm
from tapead.primitives._products import transposed
from tapead.primitives._row import Primitive, answers, call, into

_LARGE = 64  # rows, from which factors that are kept pay for the calls of SciPy


def _lu_value(a):
    from scipy.linalg import lapack

    n = a.shape[0]
    packed = np.empty((n, n + 1), order="F")
    packed[:, :n], packed[:, n], info = lapack.dgetrf(a.T)  # transposed it is in Fortran's order
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return (packed,)


# The factors, with the row interchanges as a last column. They serve `solve`, which
# differentiates with respect to the matrix itself: to the factors there is no path.
_lu = Primitive("lu", _lu_value, lambda *_, **__: None, lambda *_, **__: (None,), reads="")
_UNFACTORED = np.empty(0)


def _solve_value(a, factors, b, from_left, triangle):
    if not factors.size and not (triangle and _is_large(a, b)):
        return np.linalg.solve(a if from_left else transposed(a), b)
    from scipy.linalg import lapack

    if triangle:
        x, info = lapack.dtrtrs(a.T, b, lower=triangle == "U", trans=from_left)
    else:
        pivots = factors[:, -1].astype(np.intc)
        x, info = lapack.dgetrs(factors[:, :-1], pivots, b, trans=from_left)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return np.ascontiguousarray(x, dtype=np.result_type(a, b))


def _is_large(a, b):
    square = a.ndim == 2 == b.ndim and a.shape[0] == a.shape[1] == b.shape[0]
    return square and b.shape[0] >= _LARGE and b.shape[1] > 0


def _within(a, triangle):
    """The part of a matrix that is read."""
    return a if triangle is None else np.tril(a) if triangle == "L" else np.triu(a)


def _solve_pullback(i, w, v, a, factors, b, from_left, triangle):
    if i == 1:
        return None
    z = _solve(a, factors, w, from_left=not from_left, triangle=triangle)
    if i == 2:
        return unbroadcast(z, b.shape)
    a_bar = np.matmul(z, transposed(v)) if from_left else np.matmul(v, transposed(z))
    return unbroadcast(-_within(a_bar, triangle), a.shape)


def _solve_pushforward(i, dot, v, a, factors, b, from_left, triangle):
    if i == 0:
        dot = _within(dot, triangle)
        dot = -np.matmul(dot if from_left else transposed(dot), v)
    return _solve(a, factors, dot, from_left=from_left, triangle=triangle)


_solve = Primitive(
    "solve",
    _solve_value,
    _solve_pullback,
    _solve_pushforward,
    reads="xyv",
    adjoints=("−X⁻ᵀ Z̄ Zᵀ", "", "X⁻ᵀ Z̄"),
)


def triangular_solve(a, b, triangle, from_left=True):
    """Solution x of ``a @ x = b``, or else of ``a.T @ x = b``, for a triangular matrix `a`."""
    return _solve(a, _UNFACTORED, b, from_left=from_left, triangle=triangle)


@answers(
    np.linalg.solve,
    samples=(
        lambda r: call(regular(r, 3, 3), r.normal(size=3)),
        lambda r: call(regular(r, 3, 3), r.normal(size=(3, 2))),
        lambda r: call(regular(r, 2, 3, 3), r.normal(size=(2, 3, 2))),
        lambda r: call(regular(r, 3, 3), r.normal(size=(2, 3, 1))),
    ),
)
def solve(a, b):
    a, b = as_array(a), as_array(b)
    is_vector = b.ndim == (1 if _VECTORS_ALONE else a.ndim - 1)
    b = b[..., None] if is_vector else b
    factors = _lu(a)[0] if _is_large(a, b) else _UNFACTORED
    x = _solve(a, factors, b, from_left=True, triangle=None)
    return x[..., 0] if is_vector else x


_VECTORS_ALONE = np.lib.NumpyVersion(np.__version__) >= "2.0.0"  # before, stacks of them too


@answers(
    np.linalg.tensorsolve,
    samples=(
        lambda r: call(regular(r, 6, 6).reshape(2, 3, 6), r.normal(size=(2, 3))),
        lambda r: call(regular(r, 6, 6).reshape(2, 3, 2, 3), r.normal(size=(3, 2)), axes=(0,)),
    ),
)
def tensorsolve(a, b, axes=None):
    a, b = as_array(a), as_array(b)
    if axes is not None:
        a = np.moveaxis(a, axes, range(-len(axes), 0))
    shape = a.shape[b.ndim :]
    if math.prod(shape) != b.size or a.size != b.size**2:
        raise np.linalg.LinAlgError(
            f"expected as many unknowns as equations; got shapes {a.shape} and {b.shape}"
        )
    return np.reshape(solve(np.reshape(a, (b.size, b.size)), np.ravel(b)), shape)


def _without_range(w, v, a):
    """``(1 - a v) w``"""
    return w - np.matmul(a, np.matmul(v, w))


def _pinv_pullback(i, w, v, a, rcond):
    # G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973), theorem 4.3; the rank is constant
    turned, w_turned = transposed(v), transposed(w)
    inner = np.matmul(turned, np.matmul(w, turned))
    left = np.matmul(_without_range(w_turned, v, a), np.matmul(v, turned))
    right = np.matmul(turned, v)
    right = np.matmul(right, w_turned - np.matmul(np.matmul(w_turned, v), a))
    return left + right - inner


def _pinv_pushforward(i, dot, v, a, rcond):
    turned, dot_turned = transposed(v), transposed(dot)
    left = np.matmul(v, np.matmul(turned, dot_turned))
    left = left - np.matmul(np.matmul(left, a), v)
    right = np.matmul(np.matmul(dot_turned, turned), v)
    return left + _without_range(right, a, v) - np.matmul(v, np.matmul(dot, v))


_pinv = Primitive(
    "pinv",
    np.linalg.pinv,
    _pinv_pullback,
    _pinv_pushforward,
    reads="xv",
    adjoints=("−Zᵀ Z̄ Zᵀ + (1 − X Z) Z̄ᵀ Z Zᵀ + Zᵀ Z Z̄ᵀ (1 − Z X)",),
)


@answers(
    np.linalg.pinv,
    samples=(
        lambda r: call(r.normal(size=(4, 2))),
        lambda r: call(r.normal(size=(2, 2, 3))),
        lambda r: call(regular(r, 3, 3), hermitian=True),
    ),
)
def pinv(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    a = as_array(a)
    if hermitian:
        from tapead.primitives._decompositions import mirrored

        a = mirrored(a, "L")
    if rtol is not np._NoValue:
        rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps if rtol is None else rtol
    return _pinv(a, rcond=1e-15 if rcond is None else rcond)


def _lstsq_value(a, b, rcond):
    x, _, rank, s = np.linalg.lstsq(a, b, rcond=rcond)
    return x, s, np.asarray(rank)


def _lstsq_pullback(i, v_bar, v, a, b, rcond):
    w, s_bar, _ = v_bar
    a_bar = None
    if w is not None:
        p = np.linalg.pinv(a, rcond)
        y = np.matmul(p.T, w)
        if i == 1:
            return y
        rest = w - np.matmul(a.T, y)
        a_bar = np.matmul(np.matmul(p.T, v[0]), rest.T) - np.matmul(y, v[0].T)
        a_bar = a_bar + np.matmul(b - np.matmul(a, v[0]), np.matmul(p, y).T)
    if s_bar is None or i == 1:
        return a_bar
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    s_bar = np.matmul(u * s_bar, vh)
    return s_bar if a_bar is None else a_bar + s_bar


def _lstsq_pushforward(i, dot, v, a, b, rcond):
    p = np.linalg.pinv(a, rcond)
    if i == 1:
        return np.matmul(p, dot), None, None
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    left = np.matmul(dot.T, np.matmul(p.T, v[0]))
    x_dot = left - np.matmul(p, np.matmul(a, left) + np.matmul(dot, v[0]))
    from_rest = np.matmul(p.T, np.matmul(dot.T, b - np.matmul(a, v[0])))
    return x_dot + np.matmul(p, from_rest), np.sum(u * np.matmul(dot, vh.T), axis=0), None


_lstsq = Primitive("lstsq", _lstsq_value, _lstsq_pullback, _lstsq_pushforward)


@answers(
    np.linalg.lstsq,
    samples=(
        lambda r: call(r.normal(size=(4, 2)), r.normal(size=4), rcond=None),
        lambda r: call(r.normal(size=(4, 2)), r.normal(size=(4, 3)), rcond=None),
        lambda r: call(r.normal(size=(2, 4)), r.normal(size=2), rcond=None),
    ),
)
def lstsq(a, b, rcond=None):
    a, b = as_array(a), as_array(b)
    is_vector = b.ndim == 1
    b = b[:, None] if is_vector else b
    eps = np.finfo(np.result_type(a.dtype, b.dtype)).eps
    rcond = eps * max(a.shape) if rcond is None else eps if rcond < 0 else rcond
    x, s, rank = _lstsq(a, b, rcond=rcond)
    overdetermined = rank == a.shape[1] < a.shape[0]
    rest = (
        np.sum(np.square(b - np.matmul(a, x)), axis=0) if overdetermined else np.empty(0, x.dtype)
    )
    return x[:, 0] if is_vector else x, rest, int(rank), s


@answers(
    np.linalg.matrix_power,
    samples=(
        lambda r: call(regular(r, 3, 3), 1),
        lambda r: call(regular(r, 2, 2, 2), 5),
        lambda r: call(regular(r, 2, 2), -3),
    ),
)
def matrix_power(a, n):
    a, n = as_array(a), operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"expected square matrices; got shape {a.shape}")
    if n == 0:
        return np.linalg.matrix_power(plain_value(a), 0)
    a, n = (a, n) if n > 0 else (inv(a), -n)
    result = None
    while n:
        if n & 1:
            result = a if result is None else np.matmul(result, a)
        n >>= 1
        a = np.matmul(a, a) if n else a
    return result


@answers(
    np.linalg.multi_dot,
    samples=(
        lambda r: call([r.normal(size=(2, 3)), r.normal(size=(3, 4))]),
        lambda r: call([r.normal(size=n) for n in ((2, 3), (3, 4), (4, 2))]),
        lambda r: call([r.normal(size=n) for n in (3, (3, 4), (4, 2), 2)]),
    ),
)
def multi_dot(arrays, *, out=None):
    arrays = [as_array(x) for x in arrays]
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    if any(x.ndim != 2 for x in arrays[1:-1]):
        raise np.linalg.LinAlgError("expected matrices, or vectors at either end")
    ends = arrays[0].shape[-2:-1] or (1,), arrays[-1].shape[1:] or (1,)
    return into(out, _multiplied(arrays, (*ends[0], *(x.shape[0] for x in arrays[1:]), *ends[1])))


def _multiplied(arrays, sizes):
    """The product of matrices, in the order that costs least."""

    @functools.cache
    def split(i, j):
        """Cost of the product from i to j, and where to split it."""
        ways = ((k, sizes[i] * sizes[k + 1] * sizes[j + 1]) for k in range(i, j))
        return min(((split(i, k)[0] + split(k + 1, j)[0] + n, k) for k, n in ways), default=(0, i))

    def product(i, j):
        k = split(i, j)[1]
        return arrays[i] if i == j else np.matmul(product(i, k), product(k + 1, j))

    return product(0, len(arrays) - 1)


@answers(
    np.linalg.cond,
    samples=(
        lambda r: call(r.normal(size=(3, 2))),
        lambda r: call(regular(r, 2, 3, 3), 1),
        lambda r: call(regular(r, 3, 3), p=-2),
        lambda r: call(regular(r, 3, 3), "fro"),
    ),
)
def cond(x, p=None):
    x = as_array(x)
    if x.ndim < 2 or not x.size:
        raise np.linalg.LinAlgError(f"expected matrices with elements; got shape {x.shape}")
    if p is None or p in {2, -2}:
        s = np.linalg.svd(x, compute_uv=False)
        top, bottom = np.max(s, axis=-1), np.min(s, axis=-1)
        result = bottom / top if p == -2 else top / bottom
    elif x.shape[-1] != x.shape[-2]:
        raise np.linalg.LinAlgError(f"expected square matrices; got shape {x.shape}")
    else:
        result = norm(x, p, (-2, -1)) * norm(inverse(x), p, (-2, -1))
    singular = np.isnan(plain_value(result)) & ~np.isnan(plain_value(x)).any(axis=(-2, -1))
    if not singular.any():
        return result
    return np.where(singular, (1.0 + norm(x, axis=(-2, -1))) * np.inf, result)  # no finite slope


@answers(np.linalg.matrix_rank)
def matrix_rank(A, *args, **kwargs):  # noqa: N803, NumPy's name
    return np.linalg.matrix_rank(plain_value(A), *args, **kwargs)
