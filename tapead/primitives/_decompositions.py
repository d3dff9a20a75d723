"""Cholesky, QR, spectral and singular value decompositions."""

import numpy as np

from tapead.primitives._core import as_array, keep, plain_value
from tapead.primitives._determinants import regular
from tapead.primitives._linalg import triangular_solve
from tapead.primitives._products import transposed
from tapead.primitives._row import Primitive, answers, call
from tapead.primitives._shapes import existing


def _triangle(a, uplo):
    """Plain booleans: the triangle that is read, with the diagonal."""
    lower = np.tri(a.shape[-1], dtype=bool)
    return lower if uplo == "L" else lower.T


def mirrored(a, uplo):
    """The symmetric matrix of which one triangle of `a` is read."""
    return np.where(_triangle(a, uplo), a, transposed(a))


def _folded(s, uplo):
    """Adjoint of the triangle that is read, for the adjoint `s` of the symmetric matrix."""
    s = 0.5 * (s + transposed(s))
    twice = 2.0 - np.eye(s.shape[-1], dtype=s.dtype)  # what is read off the diagonal is used twice
    return keep(s * twice, _triangle(s, uplo))


def _halved(a):
    """The lower triangle, with half of the diagonal."""
    n = a.shape[-1]
    return a * (np.tri(n, dtype=a.dtype) - 0.5 * np.eye(n, dtype=a.dtype))


def _cholesky_pullback(i, w, v, a):
    # I. Murray, arXiv:1602.07527, equation 10
    p = _halved(np.matmul(transposed(v), w))
    p = triangular_solve(v, 0.5 * (p + transposed(p)), "L", from_left=False)
    return _folded(triangular_solve(v, transposed(p), "L", from_left=False), "L")


def _cholesky_pushforward(i, dot, v, a):
    m = transposed(triangular_solve(v, mirrored(dot, "L"), "L"))
    return np.matmul(v, _halved(triangular_solve(v, m, "L")))


_cholesky = Primitive(
    "cholesky",
    np.linalg.cholesky,
    _cholesky_pullback,
    _cholesky_pushforward,
    reads="v",
    adjoints=("Z⁻ᵀ Φ(Zᵀ Z̄) Z⁻¹, symmetrised",),
)


def _gram(r, *shape):
    """A sample of positive definite matrices."""
    a = r.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


@answers(
    np.linalg.cholesky,
    samples=(lambda r: call(_gram(r, 3, 3)), lambda r: call(_gram(r, 2, 3, 3))),
)
def cholesky(a, /, *, upper=False):
    a = as_array(a)
    return transposed(_cholesky(transposed(a))) if upper else _cholesky(a)


def _refuse_dependent(r):
    """The columns have to be independent."""
    diagonal = np.diagonal(plain_value(r), axis1=-2, axis2=-1)
    if (diagonal == 0).any():
        *_, j = np.argwhere(diagonal == 0)[0]
        raise ValueError(
            f"numpy.linalg.qr of dependent columns has no derivative: R[{j}, {j}] is 0; "
            "take columns that are independent, or use numpy.linalg.pinv"
        )


def _qr_pullback(i, v_bar, v, a):
    q, r = v
    q_bar, r_bar = v_bar
    _refuse_dependent(r)
    m = 0.0 if r_bar is None else np.matmul(r, transposed(r_bar))
    m = m if q_bar is None else m - np.matmul(transposed(q_bar), q)
    w = np.matmul(q, np.tril(m) + transposed(np.tril(m, -1)))
    w = w if q_bar is None else w + q_bar
    return transposed(triangular_solve(r, transposed(w), "U"))


def _qr_pushforward(i, dot, v, a):
    q, r = v
    _refuse_dependent(r)
    b = transposed(triangular_solve(r, transposed(dot), "U", from_left=False))
    c = np.matmul(transposed(q), b)
    below = np.tril(c, -1)
    turn = below - transposed(below)
    return np.matmul(q, turn - c) + b, np.matmul(c - turn, r)


_qr = Primitive(
    "qr",
    lambda a: tuple(np.linalg.qr(a)),
    _qr_pullback,
    _qr_pushforward,
    reads="v",
    adjoints=("(Q̄ + Q copyltu(R R̄ᵀ − Q̄ᵀ Q)) R⁻ᵀ",),
)
_QRResult = type(np.linalg.qr(np.eye(1)))


@answers(
    np.linalg.qr,
    samples=(
        lambda r: call(r.normal(size=(4, 3))),
        lambda r: call(r.normal(size=(2, 3, 3))),
        lambda r: call(r.normal(size=(2, 4))),
        lambda r: call(r.normal(size=(4, 3)), mode="r"),
    ),
)
def qr(a, mode="reduced"):
    a = as_array(a)
    m, n = a.shape[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and m <= n):
        raise TypeError(
            f"numpy.linalg.qr of a traced array knows mode='reduced' and mode='r'; got {mode!r}, "
            "which has columns without a derivative"
        )
    q, r = _qr(a if m >= n else a[..., :m])
    if m < n:
        r = np.concatenate([r, np.matmul(transposed(q), a[..., m:])], axis=-1)
    return r if mode == "r" else _QRResult(q, r)


def _ties(w):
    """Plain booleans: pairs of numbers that rounding does not tell apart."""
    w = plain_value(w)
    n = w.shape[-1]
    tolerance = n * np.finfo(w.dtype).eps * np.max(np.abs(w), axis=-1, initial=0)
    gaps = np.abs(w[..., None, :] - w[..., :, None])
    return (gaps <= tolerance[..., None, None]) & ~np.eye(n, dtype=bool)


def _refuse_ties(w, function, what):
    """Vectors have no derivative where their values coincide."""
    ties = _ties(w)
    if ties.any():
        *stack, i, j = np.argwhere(ties)[0]
        x, y = (float(plain_value(w)[(*stack, k)]) for k in (i, j))
        raise ValueError(
            f"numpy.linalg.{function}: {what} {i} and {j} coincide ({x!r} and {y!r}), and the "
            "derivative of their vectors does not exist; use the values alone, or the projection "
            "onto the space that the vectors span"
        )


def _reciprocal_gaps(w, gaps):
    """1 / gaps, 0 on the diagonal, NaN where numbers `w` coincide."""
    ties = _ties(w)
    eye = np.eye(w.shape[-1], dtype=bool)
    return np.where(eye, 0.0, np.where(ties, np.nan, 1.0 / np.where(ties | eye, 1.0, gaps)))


def _differences(w):
    """``w[j] - w[i]`` at i, j."""
    return w[..., None, :] - w[..., :, None]


def _diagonal(w):
    """Diagonal matrices."""
    return w[..., None, :] * np.eye(w.shape[-1], dtype=w.dtype)


def _eigh_pullback(i, v_bar, v, a, uplo):
    w, q = v
    w_bar, q_bar = v_bar
    turned = transposed(q)
    if q_bar is None:
        return _folded(np.matmul(q * w_bar[..., None, :], turned), uplo)
    _refuse_ties(w, "eigh", "eigenvalues")
    inner = _reciprocal_gaps(w, _differences(w)) * np.matmul(turned, q_bar)
    inner = inner if w_bar is None else inner + _diagonal(w_bar)
    return _folded(np.matmul(q, np.matmul(inner, turned)), uplo)


def _eigh_pushforward(i, dot, v, a, uplo):
    w, q = v
    m = np.matmul(transposed(q), np.matmul(mirrored(dot, uplo), q))
    q_dot = np.matmul(q, _reciprocal_gaps(w, _differences(w)) * m)
    return np.diagonal(m, axis1=-2, axis2=-1), q_dot


_eigh = Primitive(
    "eigh",
    lambda a, uplo: tuple(np.linalg.eigh(a, uplo)),
    _eigh_pullback,
    _eigh_pushforward,
    reads="v",
    adjoints=("Q (diag w̄ + F ∘ Qᵀ Q̄) Qᵀ",),
)
_EighResult = type(np.linalg.eigh(np.eye(1)))
_SYMMETRIC_SAMPLES = (
    lambda r: call(r.normal(size=(3, 3))),
    lambda r: call(r.normal(size=(2, 3, 3)), UPLO="U"),
)


def _side(uplo):
    """The triangle that is read, as NumPy takes it."""
    if uplo.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return uplo.upper()


@answers(np.linalg.eigh, samples=_SYMMETRIC_SAMPLES)
def eigh(a, UPLO="L"):  # noqa: N803, NumPy's name
    return _EighResult(*_eigh(as_array(a), uplo=_side(UPLO)))


@answers(np.linalg.eigvalsh, samples=_SYMMETRIC_SAMPLES)
def eigvalsh(a, UPLO="L"):  # noqa: N803, NumPy's name
    return _eigh(as_array(a), uplo=_side(UPLO))[0]


def _is_positive(s, a):
    """Plain booleans: singular values that rounding tells apart from 0."""
    s = plain_value(s)
    top = np.max(s, axis=-1, keepdims=True, initial=0)
    return s > max(a.shape[-2:]) * np.finfo(s.dtype).eps * top


def _refuse_vectors(s, u_bar, vh_bar, a):
    """Columns that complete a basis have no derivative, nor vectors of values that coincide."""
    m, n = a.shape[-2:]
    for bar, length in ((u_bar, n), (vh_bar, m)):
        if bar is not None and bar.shape[-1] == bar.shape[-2] > length:
            raise ValueError(
                "numpy.linalg.svd: with full_matrices=True the vectors beyond the singular values "
                "have no derivative; use full_matrices=False"
            )
    _refuse_ties(s, "svd", "singular values")
    zero = ~_is_positive(s, a)
    if m != n and zero.any():
        *_, j = np.argwhere(zero)[0]
        raise ValueError(
            f"numpy.linalg.svd: singular value {j} is 0 and its vectors have no derivative; use "
            "the values alone"
        )


def _inner_of_svd(s, u, vh, u_bar, s_bar, vh_bar):
    """The adjoint between the singular vectors."""
    inner = 0.0 if s_bar is None else _diagonal(s_bar)
    if u_bar is None and vh_bar is None:
        return inner
    gaps = _reciprocal_gaps(s, _differences(s) * (s[..., None, :] + s[..., :, None]))
    if u_bar is not None:
        t = np.matmul(transposed(u), u_bar)
        inner = inner + gaps * (t - transposed(t)) * s[..., None, :]
    if vh_bar is not None:
        t = np.matmul(vh, transposed(vh_bar))
        inner = inner + s[..., :, None] * gaps * (t - transposed(t))
    return inner


def _svd_pullback(i, v_bar, v, a, full):
    # J. Townsend, Differentiating the singular value decomposition, 2016, equation 25
    u_bar, s_bar, vh_bar = v_bar
    u, s, vh = _thin(v)
    if s_bar is not None:
        s_bar = np.where(_is_positive(s, a), s_bar, 0.0)  # a kink: the least subgradient
    if u_bar is None and vh_bar is None:
        return np.matmul(u * s_bar[..., None, :], vh)
    _refuse_vectors(s, u_bar, vh_bar, a)
    w = np.matmul(u, np.matmul(_inner_of_svd(s, u, vh, u_bar, s_bar, vh_bar), vh))
    if u_bar is not None and u.shape[-2] > u.shape[-1]:
        rest = u_bar - np.matmul(u, np.matmul(transposed(u), u_bar))
        w = w + np.matmul(rest / s[..., None, :], vh)
    if vh_bar is not None and vh.shape[-1] > vh.shape[-2]:
        rest = vh_bar - np.matmul(np.matmul(vh_bar, transposed(vh)), vh)
        w = w + np.matmul(u, rest / s[..., :, None])
    return w


def _thin(v):
    u, s, vh = v
    k = s.shape[-1]
    return u[..., :, :k], s, vh[..., :k, :]


@np.errstate(divide="ignore", invalid="ignore")
def _svd_pushforward(i, dot, v, a, full):
    u, s, vh = _thin(v)
    p = np.matmul(transposed(u), np.matmul(dot, transposed(vh)))
    s_dot = np.where(_is_positive(s, a), np.diagonal(p, axis1=-2, axis2=-1), 0.0)
    gaps = _reciprocal_gaps(s, _differences(s) * (s[..., None, :] + s[..., :, None]))
    columns, rows = s[..., None, :], s[..., :, None]
    turned = transposed(p)
    u_dot = np.matmul(u, gaps * (p * columns + rows * turned))
    v_dot = np.matmul(transposed(vh), gaps * (rows * p + turned * columns))
    if u.shape[-2] > u.shape[-1]:
        u_dot = u_dot + (np.matmul(dot, transposed(vh)) - np.matmul(u, p)) / columns
    if vh.shape[-1] > vh.shape[-2]:
        rest = np.matmul(transposed(dot), u) - np.matmul(transposed(vh), turned)
        v_dot = v_dot + rest / columns
    return _completed(u_dot, v[0]), s_dot, transposed(_completed(v_dot, transposed(v[2])))


def _completed(thin, whole):
    """Columns with NaN for those that complete a basis."""
    if thin.shape == whole.shape:
        return thin
    beyond = (*thin.shape[:-1], whole.shape[-1] - thin.shape[-1])
    return np.concatenate([thin, np.full(beyond, np.nan, thin.dtype)], axis=-1)


_svd = Primitive(
    "svd",
    lambda a, full: tuple(np.linalg.svd(a, full_matrices=full)),
    _svd_pullback,
    _svd_pushforward,
    reads="v",
    adjoints=("U (diag s̄ + F ∘ (Uᵀ Ū − Ūᵀ U) S + S F ∘ (Vᵀ V̄ − V̄ᵀ V)) Vᵀ + …",),
)
_SVDResult = type(np.linalg.svd(np.eye(1)))


@answers(
    np.linalg.svd,
    samples=(
        lambda r: call(r.normal(size=(4, 3)), full_matrices=False),
        lambda r: call(r.normal(size=(2, 2, 4)), full_matrices=False),
        lambda r: call(r.normal(size=(3, 3))),
        lambda r: call(r.normal(size=(3, 4)), compute_uv=False),
        lambda r: call(regular(r, 3, 3), compute_uv=False, hermitian=True),
    ),
)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    a = as_array(a)
    if hermitian:
        return _symmetric_svd(a, compute_uv)
    if not compute_uv:
        return _svd(a, full=False)[1]
    return _SVDResult(*_svd(a, full=full_matrices))


def _symmetric_svd(a, compute_uv):
    """Singular values of symmetric matrices, which coincide where eigenvalues of both signs do."""
    w, q = _eigh(a, uplo="L")
    order = np.argsort(-np.abs(plain_value(w)), axis=-1)
    w = np.take_along_axis(w, order, axis=-1)
    if not compute_uv:
        return np.abs(w)
    q = np.take_along_axis(q, order[..., None, :], axis=-1)
    sign = np.sign(plain_value(w))
    return _SVDResult(q, np.abs(w), transposed(q * sign[..., None, :]))


@answers(
    *existing("svdvals", of=np.linalg),
    samples=(lambda r: call(r.normal(size=(3, 2))),),
)
def svdvals(x, /):
    return _svd(as_array(x), full=False)[1]
