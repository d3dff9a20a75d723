"""Rules of NumPy's functions for batched arrays: products, and linear algebra on stacks."""

import math

import numpy as np

from tapead._array import as_array
from tapead._batched import BatchedArray, data_of, is_batched, rule


@rule(np.matmul, np.linalg.matmul)
def _matmul(function, level, x1, x2, /):
    ranks = np.ndim(x1), np.ndim(x2)
    if 0 in ranks:
        raise ValueError("matmul: an operand does not have enough dimensions")
    if ranks == (1, 1):
        return np.sum(x1 * x2, -1)
    if not is_batched(x1, level) and ranks == (2, 1):  # one product of matrices for all points
        return BatchedArray(np.matmul(x2.data, np.swapaxes(as_array(x1), -1, -2)), level)
    if not is_batched(x2, level) and ranks[1] == 2:
        rows = np.matmul(np.reshape(x1.data, (-1, x1.shape[-1])), x2)
        return BatchedArray(np.reshape(rows, (level.size, *x1.shape[:-1], -1)), level)
    return _stacked_matmul(level, x1, x2)


def _stacked_matmul(level, x1, x2):
    left = x1[None, :] if np.ndim(x1) == 1 else x1
    right = x2[:, None] if np.ndim(x2) == 1 else x2
    rank = max(np.ndim(left), np.ndim(right))
    result = BatchedArray(np.matmul(_ranked(left, rank, level), _ranked(right, rank, level)), level)
    if np.ndim(x1) == 1:
        result = result[..., 0, :]
    return result[..., 0] if np.ndim(x2) == 1 else result


def _ranked(x, rank, level):
    """Data with as many axes, so that stacks of matrices broadcast behind the points."""
    if not is_batched(x, level):
        return as_array(x)
    return x.data[(slice(None), *(None,) * (rank - x.ndim))]


@rule(np.dot)
def _dot(level, a, b, out=None):
    if out is not None:
        return NotImplemented
    ranks = np.ndim(a), np.ndim(b)
    if 0 in ranks:
        return a * b
    if max(ranks) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2 if ranks[1] > 1 else 0))


@rule(np.inner)
def _inner(level, a, b, /):
    return a * b if 0 in (np.ndim(a), np.ndim(b)) else np.tensordot(a, b, (-1, -1))


@rule(np.outer, np.linalg.outer)
def _outer(function, level, a, b, out=None):
    if out is not None:
        return NotImplemented
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@rule(np.vdot)
def _vdot(level, a, b, /):
    return np.sum(np.ravel(a) * np.ravel(b))


@rule(np.vecdot, np.linalg.vecdot)
def _vecdot(function, level, x1, x2, /, axis=-1):
    return np.sum(x1 * x2, axis)


@rule(np.matvec)
def _matvec(level, x1, x2, /):
    return np.matmul(x1, x2[..., None])[..., 0] if np.ndim(x2) > 1 else np.matmul(x1, x2)


@rule(np.vecmat)
def _vecmat(level, x1, x2, /):
    return np.matmul(x1[..., None, :], x2)[..., 0, :] if np.ndim(x1) > 1 else np.matmul(x1, x2)


@rule(np.kron)
def _kron(level, a, b):
    rank = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (rank - np.ndim(x)) + np.shape(x)) for x in (a, b))
    apart = [np.reshape(a, [n for k in np.shape(a) for n in (k, 1)])]
    apart.append(np.reshape(b, [n for k in np.shape(b) for n in (1, k)]))
    shape = [m * n for m, n in zip(np.shape(a), np.shape(b), strict=True)]
    return np.reshape(apart[0] * apart[1], shape)


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@rule(np.tensordot, np.linalg.tensordot)
def _tensordot(function, level, a, b, /, axes=2):
    ranks = np.ndim(a), np.ndim(b)
    if isinstance(axes, int):
        axes = range(ranks[0] - axes, ranks[0]), range(axes)
    left, right = (
        [k % rank for k in ([ks] if isinstance(ks, int) else ks)]
        for ks, rank in zip(axes, ranks, strict=True)
    )
    if is_batched(a, level) and not is_batched(b, level):
        return BatchedArray(np.tensordot(a.data, b, ([k + 1 for k in left], right)), level)
    first, second = LETTERS[: ranks[0]], list(LETTERS[ranks[0] : sum(ranks)])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    summed = {first[i] for i in left}
    out = "".join(x for x in (*first, *second) if x not in summed)
    return np.einsum(f"{first},{''.join(second)}->{out}", a, b)


@rule(np.einsum)
def _einsum(level, subscripts, *operands, out=None, optimize=False, **kwargs):
    if out is not None or not isinstance(subscripts, str):
        return NotImplemented
    text = subscripts.replace(" ", "")
    inputs, _, output = text.partition("->")
    if "->" not in text:
        output = _implicit(inputs)
    point = next(x for x in LETTERS if x not in text)
    terms = [
        point + term if is_batched(x, level) else term
        for term, x in zip(inputs.split(","), operands, strict=True)
    ]
    data = [x.data if is_batched(x, level) else as_array(x) for x in operands]
    text = f"{','.join(terms)}->{point}{output}"
    return BatchedArray(np.einsum(text, *data, optimize=optimize, **kwargs), level)


def _implicit(inputs):
    """The output of an einsum that names none: the letters that occur once."""
    letters = inputs.replace(",", "").replace("...", "")
    once = sorted(x for x in set(letters) if letters.count(x) == 1)
    return "..." * ("..." in inputs) + "".join(once)


@rule(np.cross, np.linalg.cross)
def _cross(function, level, a, b, *args, axis=None, **kwargs):
    if args or kwargs or axis not in (None, -1):
        return NotImplemented
    rank = max(np.ndim(a), np.ndim(b))
    a, b = (BatchedArray(data_of(x, level), level) for x in (a, b))
    a, b = (_ranked(x, rank, level) for x in (a, b))
    return BatchedArray(function(a, b), level)


@rule(
    np.linalg.det, np.linalg.inv, np.linalg.cholesky, np.linalg.eigvalsh, np.linalg.eigh,
    np.linalg.slogdet, np.linalg.qr, np.linalg.svd, np.linalg.svdvals, np.linalg.pinv,
    np.linalg.matrix_power, np.linalg.matrix_rank, np.linalg.cond, np.linalg.matrix_norm,
)  # fmt: skip
def _of_stacks(function, level, a, /, *args, **kwargs):
    if any(is_batched(x, level) for x in (*args, *kwargs.values())):
        return NotImplemented
    result = function(a.data, *args, **kwargs)
    if not isinstance(result, tuple):
        return BatchedArray(result, level)
    parts = [BatchedArray(part, level) for part in result]
    return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)


@rule(np.linalg.solve)
def _solve(level, a, b, /):
    if np.ndim(b) != 1:
        rank = max(np.ndim(a), np.ndim(b))
        return BatchedArray(
            np.linalg.solve(*(_ranked(x, rank, level) for x in _alike(a, b, level))), level
        )
    if not is_batched(a, level):  # one factorisation for all points
        return BatchedArray(np.swapaxes(np.linalg.solve(a, np.swapaxes(b.data, 0, 1)), 0, 1), level)
    return np.linalg.solve(a, b[:, None])[..., 0]


def _alike(a, b, level):
    return [BatchedArray(data_of(x, level), level) for x in (a, b)]


@rule(np.linalg.multi_dot)
def _multi_dot(level, arrays, *, out=None):
    if out is not None:
        return NotImplemented
    result = arrays[0]
    for x in arrays[1:]:
        result = np.matmul(result, x)
    return result


@rule(np.linalg.vector_norm)
def _vector_norm(level, x, /, *, axis=None, keepdims=False, ord=2):
    if isinstance(axis, tuple) or (axis is None and keepdims):
        return NotImplemented
    if axis is None:
        x, axis = np.reshape(x, (math.prod(x.shape),)), 0
    return np.linalg.norm(x, ord, axis, keepdims)
