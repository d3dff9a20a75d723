"""Checks of derivatives against differences, and of one mode against the other.

One random direction is enough to find a wrong rule: the forward mode is compared with a central
difference along it, the reverse mode with the forward mode by <w, J v> = <J' w, v>, and higher
orders by checking the derivative's own derivative.
"""

import numpy as np

from tapead._array import Array
from tapead._containers import leaves, map_leaves
from tapead.transforms import grad, jvp, vjp

EPS = np.finfo(float).eps


def check_grads(f, args, order=2, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6, seed=0):
    """Check the derivatives of `f` at `args`.

    Differences are taken in float64, also where an argument is of float32; derivatives are then
    compared to the precision of float32.

    Parameters
    ----------
    f : callable
        Returns numbers: one, an array, or a container of them. A function of tapead or NumPy, or
        a `primitive` whose rules are to be checked.
    args : tuple
        Arguments, each a float, an array of floats or a container of them.
    order : int, default 2
        Highest order to check.
    modes : sequence of {"fwd", "rev"}, default both
        Forward mode against a central difference (error about 1e-10 of the function's scale);
        reverse mode against forward mode, to rounding.
    atol, rtol : float, default 1e-6
        Tolerances of the comparison with the difference.
    seed : int, default 0
        Of the random directions.

    Raises
    ------
    AssertionError
        If a derivative disagrees; says which mode and order, and both numbers.
    ValueError
        If `order` is less than 1 or a mode is unknown.

    References
    ----------
    .. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, section 3.3.

    Examples
    --------
    >>> import tapead
    >>> from tapead.testing import check_grads
    >>> check_grads(lambda x, y: tapead.sin(x) * y, (0.5, 2.0), order=3)
    """
    if order < 1:
        raise ValueError(f"check_grads needs an order of at least 1; got {order}")
    if not modes or not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f'modes are "fwd" and "rev"; got {modes!r}')
    rng = np.random.default_rng(seed)
    args = map_leaves(lambda x: x.value if type(x) is Array else x, tuple(args))
    _check_order(f, args, 1, order, modes, {"atol": atol, "rtol": rtol}, rng)


def _check_order(f, args, k, order, modes, tolerances, rng):
    direction = map_leaves(lambda x: _random_like(x, rng), args)
    forward = _forward(f, args, direction)
    if "fwd" in modes:
        difference = _difference(f, args, direction)
        wide = _widened(tolerances, _precision(args), difference)
        _compare(forward, difference, f"order {k}: forward mode, a difference", wide)
    if "rev" in modes:
        _check_reverse(f, args, direction, forward, k, rng)
    if k < order:
        for mode in modes:
            _check_order(_step(f, mode, direction), args, k + 1, order, modes, tolerances, rng)


def _check_reverse(f, args, direction, forward, k, rng):
    y, pullback = vjp(f, *args)
    adjoint = map_leaves(lambda x: _random_like(x, rng), y)
    left = _numbers(adjoint) @ forward
    right = _numbers(pullback(adjoint)) @ _numbers(direction)
    scale = np.abs(_numbers(adjoint)) @ np.abs(forward)
    eps = _precision((args, y))
    _compare(
        right,
        left,
        f"order {k}: reverse mode <J'w, v>, forward mode <w, Jv>",
        {"atol": 1e3 * eps * max(scale, 1.0), "rtol": 1e6 * eps if eps == EPS else 1e2 * eps},
    )


def _precision(tree):
    """Relative spacing of the narrowest floats among the leaves."""
    arrays = (x for x in leaves(tree) if isinstance(x, np.ndarray) and x.dtype.kind == "f")
    return max([EPS, *(np.finfo(x.dtype).eps for x in arrays)])


def _widened(tolerances, eps, expected):
    """Tolerances that arguments of less than double precision allow."""
    if eps == EPS:
        return tolerances
    scale = np.abs(expected).max(initial=1.0)
    return {
        "atol": max(tolerances["atol"], 1e3 * eps * scale),
        "rtol": max(tolerances["rtol"], 1e3 * eps),
    }


def _step(f, mode, direction):
    """A function one order up: the derivative along `direction`, by `mode`."""
    if mode == "fwd":
        return lambda *args: jvp(f, args, direction)[1]
    return grad(lambda *args: _total(f(*args)), argnums=tuple(range(len(direction))))


def _total(y):
    """One number that depends on every number of `y`, each with a weight of its own."""
    total, n = 0.0, 0
    for x in leaves(y):
        size, shape = getattr(x, "size", 1), getattr(x, "shape", ())
        weights = 1.0 + 0.5 * np.arange(n, n + size)
        total = total + (np.sum(x * weights.reshape(shape)) if shape else x * weights[0])
        n += size
    return total


def _forward(f, args, direction):
    return _numbers(jvp(f, args, direction)[1])


def _difference(f, args, direction):
    """Central difference with step eps^(1/3), Richardson's extrapolation once: error O(h^4)."""
    h = 8 * EPS ** (1 / 3)
    args = map_leaves(lambda x: x.astype(float) if isinstance(x, np.ndarray) else x, args)
    coarse, fine = (_quotient(f, args, direction, step) for step in (h, h / 2))
    return (4 * fine - coarse) / 3


def _quotient(f, args, direction, h):
    return (_moved(f, args, direction, h) - _moved(f, args, direction, -h)) / (2 * h)


def _moved(f, args, direction, h):
    steps = iter(leaves(direction))
    return _numbers(f(*map_leaves(lambda x: x + h * next(steps), args)))


def _random_like(x, rng):
    if isinstance(x, np.ndarray):
        return rng.uniform(0.5, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return float(rng.uniform(0.5, 1.0))


def _flat(tree):
    for leaf in leaves(tree):
        yield from leaf.ravel().tolist() if isinstance(leaf, np.ndarray) else (leaf,)


def _numbers(tree):
    return np.array([float(x) for x in _flat(tree)])


def _compare(got, expected, what, tolerances):
    np.testing.assert_allclose(got, expected, err_msg=f"{what} disagree", **tolerances)
