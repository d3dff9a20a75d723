"""Inverses and determinants; the derivatives of these are there for singular matrices too."""

import math

import numpy as np

from tapead.primitives._core import as_array
from tapead.primitives._products import transposed
from tapead.primitives._row import Primitive, answers, call

MOST_BY_TRACES = 10  # rows of matrices for which traces of products lose less than inverses


def regular(r, *shape):
    """A sample of well-conditioned matrices."""
    return r.normal(size=shape) + 4.0 * np.eye(*shape[-2:])


def inverse_or_nan(a):
    """The inverse; NaN where there is none."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return np.full(a.shape, np.nan, a.dtype)
        return np.stack([inverse_or_nan(x) for x in a])


def _inv_pullback(i, w, v, a, strict):
    turned = transposed(v)
    return -np.matmul(turned, np.matmul(w, turned))


_inv = Primitive(
    "inv",
    lambda a, strict: np.linalg.inv(a) if strict else inverse_or_nan(a),
    _inv_pullback,
    lambda i, dot, v, a, strict: -np.matmul(v, np.matmul(dot, v)),
    reads="v",
    adjoints=("−Zᵀ Z̄ Zᵀ",),
)


@answers(
    np.linalg.inv,
    samples=(lambda r: call(regular(r, 3, 3)), lambda r: call(regular(r, 2, 1, 3, 3))),
)
def inv(a):
    return _inv(as_array(a), strict=True)


def inverse(a):
    """The inverse of matrices that may be singular: NaN then."""
    return _inv(as_array(a), strict=False)


@answers(
    np.linalg.tensorinv,
    samples=(
        lambda r: call(regular(r, 6, 6).reshape(2, 3, 6), ind=2),
        lambda r: call(regular(r, 6, 6).reshape(6, 3, 2), ind=1),
    ),
)
def tensorinv(a, ind=2):
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    a = as_array(a)
    n = math.prod(a.shape[ind:])
    return np.reshape(inv(np.reshape(a, (-1, n))), a.shape[ind:] + a.shape[:ind])


def is_tame(a, inverse, n_directions=1):
    """Whether the inverse is precise enough to make cofactors of, or their derivatives."""
    norm, of_inverse = (np.abs(x).sum(axis=-2).max(axis=-1, initial=0) for x in (a, inverse))
    if a.shape[-1] > MOST_BY_TRACES:
        n_directions = 1
    return np.all(norm * of_inverse < np.finfo(a.dtype).eps ** (-0.5 / n_directions))


def _oriented_svd(a):
    """Singular value decomposition, and the determinant of its two rotations."""
    u, s, vh = np.linalg.svd(a)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))
    return u, s, vh, sign[..., None, None]


def _before(s):
    """For every element of the last axis the product of those before it."""
    return np.concatenate([np.ones_like(s[..., :1]), np.cumprod(s[..., :-1], axis=-1)], axis=-1)


def _after(s):
    return np.flip(_before(np.flip(s, -1)), -1)


def _without_two(s):
    """Products of all numbers but two, for every pair; 0 on the diagonal."""
    beyond = np.tri(s.shape[-1], k=-1, dtype=bool).T
    between = _before(np.where(beyond, s[..., None, :], 1.0))
    upper = np.triu(_before(s)[..., :, None] * between * _after(s)[..., None, :], 1)
    return (upper + transposed(upper)).astype(s.dtype)


def _cofactors_value(a):
    inverse = inverse_or_nan(a)
    if is_tame(a, inverse):
        return np.linalg.det(a)[..., None, None] * transposed(inverse)
    u, s, vh, sign = _oriented_svd(a)
    return sign * (u * (_before(s) * _after(s))[..., None, :]) @ vh


def _change_value(a, e):
    inverse = transposed(inverse_or_nan(a))
    if is_tame(a, inverse):
        along = np.sum(inverse * e, axis=(-2, -1), keepdims=True)
        change = along * inverse - inverse @ transposed(e) @ inverse
        return np.linalg.det(a)[..., None, None] * change
    u, s, vh, sign = _oriented_svd(a)
    e = transposed(u) @ e @ transposed(vh)
    others = _without_two(s)
    diagonal = others @ np.diagonal(e, axis1=-2, axis2=-1)[..., None]
    return sign * u @ (diagonal * np.eye(s.shape[-1], dtype=s.dtype) - others * transposed(e)) @ vh


def _changes_value(a, *es):
    """Derivative of the cofactors along matrices, which is symmetric in them.

    It is a coefficient of the cofactors of ``a + t_1 e_1 + t_2 e_2 ...`` with numbers ``t_i`` whose
    squares are 0: there the inverse and the logarithm are finite sums. Where the matrix is nearly
    singular cofactors come from traces of products, without a division by its determinant [1]_.

    .. [1] A. S. Householder, *The Theory of Matrices in Numerical Analysis*, Dover, 1975, p. 166.
    """
    if len(es) == 1:
        return _change_value(a, es[0])
    inverse = inverse_or_nan(a)
    last = 2 ** len(es) - 1
    if not is_tame(a, inverse, len(es)):
        return transposed(_adjugate({0: a} | {1 << i: e for i, e in enumerate(es)})[last])
    step = {1 << i: -inverse @ e for i, e in enumerate(es)}  # a + ... = a (1 - step)
    power = inverses = {0: np.eye(a.shape[-1], dtype=a.dtype)}
    log = {}
    for k in range(1, len(es) + 1):
        power = _times(power, step)
        inverses = _plus(inverses, power)
        log = _plus(log, {s: -_trace(x) / k for s, x in power.items()})
    term, scale = {0: 1.0}, {0: 1.0}
    for k in range(1, len(es) + 1):
        term = {s: x / k for s, x in _times(term, log, np.multiply).items()}
        scale = _plus(scale, term)
    found = _times(scale, inverses, np.multiply)[last]
    return np.linalg.det(a)[..., None, None] * transposed(found @ inverse)


def _adjugate(a):
    """The adjugate of a matrix of numbers with t_i."""
    n = a[0].shape[-1]
    one = np.eye(n, dtype=a[0].dtype)
    found = {0: one}
    for k in range(1, n):
        product = _times(a, found)
        found = _plus(product, {s: -_trace(x) / k * one for s, x in product.items()})
    return {s: x if n % 2 else -x for s, x in found.items()}


def _trace(x):
    return np.trace(x, axis1=-2, axis2=-1)[..., None, None]


def _times(x, y, multiply=np.matmul):
    """Products of numbers with t_i: by the set of those in a term, as bits, its coefficient."""
    found = {}
    for s, a in x.items():
        for t, b in y.items():
            if not s & t:
                found[s | t] = found.get(s | t, 0.0) + multiply(a, b)
    return found


def _plus(x, y):
    return x | {s: x.get(s, 0.0) + b for s, b in y.items()}


def _changes_pullback(i, w, v, a, *es):
    if i:
        return _changes(a, *es[: i - 1], w, *es[i:])
    if len(es) + 2 > a.shape[-1]:
        return np.zeros(a.shape, a.dtype)  # the determinant is a polynomial
    return _changes(a, *es, w)


_cofactors = Primitive(
    "cofactors",
    _cofactors_value,
    lambda i, w, v, a: _changes(a, w),  # the second derivative is symmetric
    lambda i, dot, v, a: _changes(a, dot),
    reads="x",
)
# How the cofactors change with the matrix, along one matrix or more.
_changes = Primitive(
    "cofactors_changes",
    _changes_value,
    _changes_pullback,
    _changes_pullback,  # it is symmetric
)


def _singular(r, *shape):
    """A sample of matrices of a rank one below the full one."""
    a = r.normal(size=shape)
    a[..., -1, :] = a[..., 0, :] - a[..., -2, :]
    return a


_det = Primitive(
    "det",
    np.linalg.det,
    lambda i, w, v, a: w[..., None, None] * _cofactors(a),
    lambda i, dot, v, a: np.sum(_cofactors(a) * dot, axis=(-2, -1)),
    reads="x",
    adjoints=("Z̄ cofactors of X",),
)


@answers(
    np.linalg.det,
    samples=(
        lambda r: call(r.normal(size=(3, 3))),
        lambda r: call(r.normal(size=(2, 2, 2))),
        lambda r: call(_singular(r, 3, 3)),
        lambda r: call(_singular(r, 2, 4, 4)),
    ),
)
def det(a):
    return _det(as_array(a))


def _slogdet_pullback(i, v_bar, v, a):
    w = v_bar[1]  # the sign is constant
    return None if w is None else w[..., None, None] * transposed(inverse(a))


def _slogdet_pushforward(i, dot, v, a):
    return None, np.sum(transposed(inverse(a)) * dot, axis=(-2, -1))


_slogdet = Primitive(
    "slogdet",
    lambda a: tuple(np.linalg.slogdet(a)),
    _slogdet_pullback,
    _slogdet_pushforward,
    reads="x",
    adjoints=("Z̄ X⁻ᵀ",),
)
_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


@answers(
    np.linalg.slogdet,
    samples=(lambda r: call(r.normal(size=(3, 3))), lambda r: call(r.normal(size=(2, 3, 3)))),
)
def slogdet(a):
    return _SlogdetResult(*_slogdet(as_array(a)))
