"""Smooth maxima and their kin; interpolation."""

import math

import numpy as np

from tapead.primitives._core import as_array, is_traced, plain_value
from tapead.primitives._reductions import in_dtype, kept, lifted
from tapead.primitives._row import Primitive, answers, call, takes_batched


def _floats(a):
    """`a` as an array of floats."""
    a = as_array(a)
    if a.dtype.kind in "iub":
        return a.astype(float)
    if a.dtype.char not in "fd":
        raise TypeError(f"expected real numbers of float32 or float64; got {a.dtype}")
    return a


def _maximum(x, axis):
    return np.max(x, axis=axis, keepdims=True, initial=-math.inf)


def _subtracted(x, y):
    return np.subtract(x, y, out=np.empty_like(x))  # an array, of a 0-d one too


def _log_of_sum(e, total, axis):
    """log of the `total` of terms `e`; more precise where the largest is 1 and far ahead."""
    alone = (total >= 1) & (total < 1.1)
    if not alone.any():
        return np.log(total)
    others = np.sum(np.where(e < 1, e, 0), axis=axis, keepdims=True)
    return np.where(alone, np.log1p(others), np.log(total))


def _terms(above, x, top, out):
    """Exponentials of elements, divided by the largest; `above` it they are by that much."""
    if np.isinf(top).any():  # inf - inf: terms that are equal share evenly
        above = np.where(x == top, above.dtype.type(0), above)
    return np.exp(above, out=out)


@np.errstate(invalid="ignore", divide="ignore")
def _logsumexp_value(x, axis, keepdims):
    top = _maximum(x, axis)
    above = _subtracted(x, top)
    e = _terms(above, x, top, above)
    total = np.asarray(np.sum(e, axis=axis, keepdims=True))
    v = _log_of_sum(e, total, axis) + top
    return np.reshape(v, kept(x.shape, axis, keepdims)), e, total


def _times_sum(e, *parts):
    """`e` times the sum of what is there."""
    parts = [part for part in parts if part is not None]
    return e * sum(parts[1:], parts[0]) if parts else None


# Three results, so that what was computed once serves the rules: the logarithm; the terms, divided
# by the largest; their sum. The largest term is held constant: what is made of terms and
# sum here does not depend on it.


def _logsumexp_pullback(i, v_bar, v, x, axis, keepdims):
    w, e_bar, total_bar = v_bar
    _, e, total = v
    w = w if w is None else lifted(w, e.shape, axis, keepdims) / total
    return _times_sum(e, w, total_bar, e_bar)


def _logsumexp_pushforward(i, x_dot, v, x, axis, keepdims):
    e_dot = v[1] * x_dot
    total_dot = np.sum(e_dot, axis=axis, keepdims=True)
    return np.reshape(total_dot / v[2], v[0].shape), e_dot, total_dot


_logsumexp = Primitive(
    "logsumexp",
    _logsumexp_value,
    _logsumexp_pullback,
    _logsumexp_pushforward,
    reads="v",
    adjoints=("Z̄ softmax X",),
)
_SAMPLES = (
    lambda r: call(r.normal(size=5)),
    lambda r: call(r.normal(size=(3, 4)), axis=-1),
    lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, 2)),
)


@answers(
    "scipy.special.logsumexp",
    samples=(
        *_SAMPLES,
        lambda r: call(r.normal(size=(3, 4)), 0, np.exp(r.normal(size=(3, 4))), True),
        lambda r: call(r.normal(size=(3, 4)), axis=1, b=np.array([1.0, 0.5, 2.0, 3.0])),
    ),
)
@takes_batched
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    """Logarithm of a sum of exponentials, without overflow.

    Parameters
    ----------
    a : array_like of float
        The exponents.
    axis : int or tuple of int, optional
        Axes to sum over; all by default.
    b : array_like of float, optional
        Factors of the exponentials, broadcast against `a`. A negative sum has no logarithm: NaN,
        unless `return_sign` is set.
    keepdims : bool, optional
        Whether the axes that are summed over stay, with length 1.
    return_sign : bool, optional
        Whether to return the sign of the sum too, and the logarithm of its absolute value.

    Returns
    -------
    float, Var, ndarray or Array
        ``log(sum(b * exp(a)))``. Its derivative is the softmax of `a`; equal exponents share
        evenly, infinite ones too.
    float or ndarray
        If `return_sign` is set, the sign of the sum: plain values.

    Raises
    ------
    TypeError
        If `a` or `b` does not hold real numbers.

    See Also
    --------
    softmax : The derivative of it.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> float(tapead.logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    >>> tapead.grad(tapead.logsumexp)(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    a = _floats(a)
    if b is None and not return_sign:
        return _scalar_if_0d(_logsumexp(a, axis=axis, keepdims=keepdims)[0])
    b = np.ones((), a.dtype) if b is None else _floats(b)
    v, ratio = _weighted(a, b, axis, keepdims)
    if not return_sign:
        return v + np.log(ratio)
    sign = np.where(np.isneginf(plain_value(v)), 0.0, np.sign(plain_value(ratio)))
    return v + np.log(np.abs(ratio)), sign[()]


def _scalar_if_0d(v):
    return v if np.ndim(v) else v[()] if isinstance(v, np.ndarray) else v


def _weighted(a, b, axis, keepdims):
    """logsumexp without the factors `b`, and by how much they change the sum."""
    a = np.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape))
    if not is_traced(b):
        a = np.where(b == 0, -np.inf, a)  # where the factor is 0 there is no path
    v, e, total = _logsumexp(a, axis=axis, keepdims=keepdims)
    ratio = np.sum(b * e, axis=axis, keepdims=True) / total
    return _scalar_if_0d(v), np.reshape(ratio, np.shape(v))


def _softmax_value(x, axis):
    e = _subtracted(x, _maximum(x, axis))
    np.exp(e, out=e)
    e /= np.sum(e, axis=axis, keepdims=True)
    return e


def _softmax_rule(i, w, v, x, axis):
    return v * (w - np.sum(w * v, axis=axis, keepdims=True))


_softmax = Primitive(
    "softmax",
    _softmax_value,
    _softmax_rule,
    _softmax_rule,  # the Jacobian is symmetric
    reads="v",
    adjoints=("Z (Z̄ − sum Z̄ Z)",),
)


@answers("scipy.special.softmax", samples=_SAMPLES)
@takes_batched
def softmax(x, axis=None):
    """Exponentials divided by their sum.

    Parameters
    ----------
    x : array_like of float
        The exponents.
    axis : int or tuple of int, optional
        Axes along which the result sums to one; all by default.

    Returns
    -------
    ndarray or Array
        ``exp(x) / sum(exp(x))``, in the shape of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    See Also
    --------
    log_softmax : The logarithm of it, which does not underflow.

    Examples
    --------
    >>> import tapead
    >>> tapead.softmax([1000.0, 1000.0, 0.0])
    array([0.5, 0.5, 0. ])
    """
    return _softmax(_floats(x), axis=axis)


@np.errstate(invalid="ignore", divide="ignore")
def _log_softmax_value(x, axis):
    top = _maximum(x, axis)
    v = _subtracted(x, top)  # NaN where an infinite one is the largest, as in SciPy
    e = _terms(v, x, top, np.empty_like(v))
    total = np.asarray(np.sum(e, axis=axis, keepdims=True))
    v -= _log_of_sum(e, total, axis)
    return v, e, total


def _log_softmax_pullback(i, v_bar, v, x, axis):
    w, e_bar, total_bar = v_bar
    _, e, total = v
    if w is None:
        return _times_sum(e, total_bar, e_bar)
    share = np.sum(w, axis=axis, keepdims=True) / total
    return w + _times_sum(e, -share, total_bar, e_bar)


def _log_softmax_pushforward(i, x_dot, v, x, axis):
    e_dot = v[1] * x_dot
    total_dot = np.sum(e_dot, axis=axis, keepdims=True)
    return x_dot - total_dot / v[2], e_dot, total_dot


_log_softmax = Primitive(
    "log_softmax",
    _log_softmax_value,
    _log_softmax_pullback,
    _log_softmax_pushforward,
    reads="v",
    adjoints=("Z̄ − softmax X sum Z̄",),
)


@answers("scipy.special.log_softmax", samples=_SAMPLES)
@takes_batched
def log_softmax(x, axis=None):
    """Logarithm of the softmax, which does not underflow.

    Parameters
    ----------
    x : array_like of float
        The exponents.
    axis : int or tuple of int, optional
        Axes along which the exponentials of the result sum to one; all by default.

    Returns
    -------
    ndarray or Array
        ``x - logsumexp(x)``, in the shape of `x`.

    Raises
    ------
    TypeError
        If `x` does not hold real numbers.

    See Also
    --------
    softmax : The exponentials of it.
    logsumexp : What is subtracted.

    Examples
    --------
    >>> import tapead
    >>> tapead.log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    return _log_softmax(_floats(x), axis=axis)[0]


def one_hot(labels, n=None, dtype=np.float64):
    """Rows of zeros with a one at each label.

    Parameters
    ----------
    labels : array_like of int, of any shape
        Labels from 0 to ``n - 1``.
    n : int, optional
        Number of classes; by default one more than the largest label.
    dtype : data-type, optional
        Of the result.

    Returns
    -------
    ndarray of shape ``labels.shape + (n,)``
        A plain array: labels have no derivative.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If a label lies outside the range.

    Examples
    --------
    >>> import tapead
    >>> tapead.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"expected labels that are integers; got {labels.dtype}")
    n = int(np.max(labels, initial=-1)) + 1 if n is None else n
    wrong = labels[(labels < 0) | (labels >= n)]
    if wrong.size:
        raise ValueError(f"expected labels from 0 to {n - 1}; got {wrong[0]}")
    rows = np.zeros((*labels.shape, n), dtype)
    np.put_along_axis(rows, labels[..., None], 1, -1)
    return rows


@answers(
    np.interp,
    samples=(
        lambda r: call(r.uniform(0.1, 4.9, 6), np.arange(6.0), r.normal(size=6)),
        lambda r: call(r.uniform(-1.0, 6.0, (2, 3)), np.arange(6.0), r.normal(size=6), -2.0, 3.0),
        lambda r: call(
            r.uniform(-9.0, 9.0, 5), np.array([0.3, 1.1, 2.0]), r.normal(size=3), period=4.0
        ),
    ),
)
def interp(x, xp, fp, left=None, right=None, period=None):
    x, xp, fp = (in_dtype(_floats(a), np.float64) for a in (x, xp, fp))  # as numpy.interp does
    if xp.ndim != 1 or xp.shape != fp.shape:
        raise ValueError(f"expected xp and fp of one length; got shapes {xp.shape}, {fp.shape}")
    if xp.size == 0:
        raise ValueError("array of sample points is empty")
    if period is not None:
        x, xp, fp = _wrapped(x, xp, fp, period)
        left = right = None
    y = _interpolated(x, xp, fp)
    y = y if left is None else np.where(plain_value(x) < plain_value(xp)[0], left, y)
    return y if right is None else np.where(plain_value(x) > plain_value(xp)[-1], right, y)


def _wrapped(x, xp, fp, period):
    """Points of one period in their order, with a neighbour at either end."""
    if period == 0:
        raise ValueError("period must be a non-zero value")
    period = abs(period)
    x, xp = np.remainder(x, period), np.remainder(xp, period)
    order = np.argsort(plain_value(xp))
    xp, fp = xp[order], fp[order]
    xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
    return x, xp, np.concatenate([fp[-1:], fp, fp[:1]])


def _interpolated(x, xp, fp):
    """Values on the lines between points, and on level lines beyond them."""
    at, knots = plain_value(x), plain_value(xp)
    level = np.zeros(1)
    slopes = np.concatenate([level, np.diff(fp) / np.diff(xp), level])
    after = np.searchsorted(knots, at, side="right")
    below = np.maximum(after - 1, 0)
    slope, step = slopes[after], x - xp[below]
    on_knot = knots[below] == at
    if np.any(on_knot):
        slope = np.where(on_knot, _gentler(slopes[below], slope), slope)
    if np.any(np.isinf(at)):
        step = np.where(np.isinf(at), 0.0, step)
    return slope * step + fp[below]


def _gentler(left, right):
    """The slope of least size at a kink."""
    least = np.where(np.abs(left) < np.abs(right), left, right)
    return np.where(np.sign(left) * np.sign(right) > 0, least, 0.0)
