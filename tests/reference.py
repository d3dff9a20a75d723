"""What the table's rows should give: mpmath at 50 digits, NumPy's and SciPy's ufuncs.

Every test about elementals draws rows, points and reference values from here.
"""

import importlib
from functools import cache
from itertools import product

import numpy as np
from mpmath import mp

import tapead
from tapead.elementals import ELEMENTALS

DIGITS = 50
N_POINTS = 3
EPS = 2.0**-52
NAMES = {name: getattr(mp, name) for name in dir(mp) if not name.startswith("_")}


def row_id(row):
    """Name of a row for pytest's ids; anything else is left to pytest."""
    return getattr(row, "name", None)


# Rows that are not exported, reached the way a user reaches them.
HIDDEN = {
    "copy": lambda x: tapead.value_and_grad(lambda t: t)(x)[0],
    "excess": lambda x, y: tapead.logit(tapead.grad(tapead.logaddexp)(x, y)),
    "xdivy": tapead.grad(tapead.xlogy, argnums=1),
    "sech2": tapead.derivative(tapead.tanh),
    "sinc_derivative": lambda n, x: tapead.derivative(tapead.sinc, int(n))(x),
    "clip_min": lambda x, low: tapead.clip(x, low, None),
    "clip_max": lambda x, high: tapead.clip(x, None, high),
    "polygamma": lambda n, x: tapead.polygamma(int(n), x),
    "mills": tapead.derivative(tapead.log_ndtr),
}


def function(row):
    """tapead's function of a row, of floats and traced values."""
    return getattr(tapead, row.name) if row.public else HIDDEN[row.name]


def ufunc(row):
    """The NumPy or SciPy ufunc that a row answers to."""
    module, _, name = row.ufunc.rpartition(".")
    return getattr(importlib.import_module(module), name)


def active(row):
    """Positions of the arguments that a derivative may be taken by; an order is not one."""
    return [i for i, partial in enumerate(row.partials) if partial != "nan"]


def textbook(row):
    """The row's definition as a function of mpmath's numbers."""
    code = compile(row.definition or row.value, row.name, "eval")
    return lambda *xs: eval(code, NAMES, dict(zip("xy", xs, strict=False)))


@cache
def points(row):
    """Random points of the row's domain; a box of random numbers holds no ties."""
    rng = np.random.default_rng(list(row.name.encode()))
    low, high = np.transpose(row.domain)
    return [tuple(map(float, rng.uniform(low, high))) for _ in range(N_POINTS)]


@cache
def expected(row, point, orders):
    """Partial derivative of the definition at `point`, `orders` times by each argument."""
    with mp.workdps(DIGITS):
        f = textbook(row)
        xs = [mp.mpf(x) for x in point]
        free = [i for i in range(row.arity) if orders[i]]

        def along(*values):
            at = dict(zip(free, values, strict=True))
            return f(*(at.get(i, x) for i, x in enumerate(xs)))

        if not free:
            return mp.mpf(f(*xs))
        if len(free) == 1:
            return mp.diff(along, xs[free[0]], orders[free[0]])
        return mp.diff(along, tuple(xs), orders)


def value_tolerance(row, point, ulps):
    """`ulps` of the value, or of what one ulp in an argument does to it."""
    orders = np.eye(row.arity, dtype=int)
    moved = sum(
        abs(point[i] * expected(row, point, tuple(map(int, orders[i])))) for i in active(row)
    )
    return ulps * EPS * float(abs(expected(row, point, (0,) * row.arity)) + moved)


def rev(f, i):
    """Derivative by argument i, reverse mode."""
    return tapead.grad(f, argnums=i)


def fwd(f, i):
    """Derivative by argument i, forward mode."""

    def tangent(*xs):
        seeds = tuple(float(k == i) for k in range(len(xs)))
        return tapead.jvp(f, xs, seeds)[1]

    return tangent


MODES = {"rev": rev, "fwd": fwd}


def mode_sequences(order):
    """All ways to take `order` derivatives, innermost first."""
    return list(product(MODES, repeat=order))


def differentiated(row, arguments, modes):
    """The row's function, differentiated by each of `arguments` in turn in its mode."""
    f = function(row)
    if row.name in ("polygamma", "sinc_derivative"):  # the order is no number to trace
        whole = f
        return lambda n, x: _chain(lambda t: whole(n, t), [0] * len(arguments), modes)(x)
    return _chain(f, arguments, modes)


def _chain(f, arguments, modes):
    for i, mode in zip(arguments, modes, strict=True):
        f = MODES[mode](f, i)
    return f


assert set(HIDDEN) == {name for name, row in ELEMENTALS.items() if not row.public}
