"""shared/CONVENTIONS.md, the scalar rows: first partials in every mode, higher orders, extremes."""

import functools
import math

import numpy as np
import pytest
from mpmath import mp
from reference import EPS

import tapead

INF, NAN = np.inf, np.nan


def where_sqrt(x):
    return tapead.where(x > 0, tapead.sqrt(x), 0.0)


def where_sqrt_numpy(x):
    return np.where(x > 0, np.sqrt(x), 0.0)


def where_exp(x):
    return tapead.where(x <= 0, tapead.exp(x), 1 + x)


def maximum_of(*xs):
    return functools.reduce(tapead.maximum, xs)


def product(*xs):
    return math.prod(xs)


def sum_of_products(x, y, z):
    return x + x * y + x * y * z


def third_of_sorted(*xs):
    smallest, middle, largest = sorted(xs)
    return smallest + 10 * middle + 100 * largest


def shared_node(x):
    a = x + x
    b = a + a
    return b + b


def rebound_to_zero(x):
    return tapead.sqrt(x) ** 2


def clipped(x):
    return tapead.clip(x, 0.0, 1.0)


# function, point, partials: CONVENTIONS section 2, row by row, then sections 3 and 4.
CASES = {
    "power(0,0)": (tapead.power, (0.0, 0.0), (0.0, 0.0)),
    "power(0,.5)": (tapead.power, (0.0, 0.5), (INF, 0.0)),
    "power(0,1)": (tapead.power, (0.0, 1.0), (1.0, 0.0)),
    "power(0,2)": (tapead.power, (0.0, 2.0), (0.0, 0.0)),
    "power(0,-1)": (lambda x: tapead.power(x, -1.0), (0.0,), (-INF,)),
    "power(-1,2)": (tapead.power, (-1.0, 2.0), (-2.0, NAN)),
    "power(x,2) at -1": (lambda x: x**2.0, (-1.0,), (-2.0,)),
    "power(x,3) at -1": (lambda x: x**3, (-1.0,), (3.0,)),
    "power(x,0) at 0": (lambda x: x**0, (0.0,), (0.0,)),
    "power(0,y) at 0": (lambda y: 0.0**y, (0.0,), (0.0,)),
    "sqrt(0)": (tapead.sqrt, (0.0,), (INF,)),
    "cbrt(0)": (tapead.cbrt, (0.0,), (INF,)),
    "log(0)": (tapead.log, (0.0,), (INF,)),
    "abs(0)": (abs, (0.0,), (0.0,)),
    "abs(-0.0)": (abs, (-0.0,), (0.0,)),
    "maximum(0,0)": (tapead.maximum, (0.0, 0.0), (0.5, 0.5)),
    "maximum(x,0) at 0": (lambda x: tapead.maximum(x, 0.0), (0.0,), (0.5,)),
    "maximum(0,x) at 0": (lambda x: np.maximum(0.0, x), (0.0,), (0.5,)),
    "minimum(0,0)": (tapead.minimum, (0.0, 0.0), (0.5, 0.5)),
    "fmax(0,0)": (tapead.fmax, (0.0, 0.0), (0.5, 0.5)),
    "fmin(0,0)": (tapead.fmin, (0.0, 0.0), (0.5, 0.5)),
    "maximum(1,1,0)": (maximum_of, (1.0, 1.0, 0.0), (0.5, 0.5, 0.0)),
    "relu(0)": (tapead.relu, (0.0,), (0.0,)),
    "clip(0,0,1)": (clipped, (0.0,), (0.0,)),
    "clip(1,0,1)": (clipped, (1.0,), (0.0,)),
    "clip(.5,0,1)": (clipped, (0.5,), (1.0,)),
    "clip(2,0,1)": (tapead.clip, (2.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
    "arctan2(0,0)": (tapead.arctan2, (0.0, 0.0), (NAN, NAN)),
    "hypot(0,0)": (tapead.hypot, (0.0, 0.0), (0.0, 0.0)),
    "where sqrt at -1": (where_sqrt, (-1.0,), (0.0,)),
    "where sqrt at 0": (where_sqrt, (0.0,), (0.0,)),
    "numpy.where sqrt at -1": (where_sqrt_numpy, (-1.0,), (0.0,)),
    "numpy.where sqrt at 0": (where_sqrt_numpy, (0.0,), (0.0,)),
    "where exp at 1000": (where_exp, (1000.0,), (1.0,)),
    "sinc(0)": (tapead.sinc, (0.0,), (0.0,)),
    "sinc(1e-9)": (tapead.sinc, (1e-9,), (-3.2898681336964524e-9,)),
    "logaddexp(-inf,-inf)": (tapead.logaddexp, (-INF, -INF), (0.5, 0.5)),
    "logaddexp(inf,inf)": (tapead.logaddexp, (INF, INF), (0.5, 0.5)),
    "logaddexp2(-inf,-inf)": (tapead.logaddexp2, (-INF, -INF), (0.5, 0.5)),
    "logaddexp(0,-inf)": (tapead.logaddexp, (0.0, -INF), (1.0, 0.0)),
    "prod([0,2,3])": (product, (0.0, 2.0, 3.0), (6.0, 0.0, 0.0)),
    "prod([0,0,3])": (product, (0.0, 0.0, 3.0), (0.0, 0.0, 0.0)),
    "sum(cumprod([0,2,3]))": (sum_of_products, (0.0, 2.0, 3.0), (9.0, 0.0, 0.0)),
    "tanh(20)": (tapead.tanh, (20.0,), (1.6993417021166355e-17,)),
    "tanh(-20)": (tapead.tanh, (-20.0,), (1.6993417021166355e-17,)),
    "tanh(400)": (tapead.tanh, (400.0,), (0.0,)),
    "tanh(1e-9)": (tapead.tanh, (1e-9,), (1.0,)),
    "sigmoid(40)": (tapead.sigmoid, (40.0,), (4.248354255291589e-18,)),
    "sigmoid(-40)": (tapead.sigmoid, (-40.0,), (4.248354255291589e-18,)),
    "softplus(1000)": (tapead.softplus, (1000.0,), (1.0,)),
    "softplus(-1000)": (tapead.softplus, (-1000.0,), (0.0,)),
    "log_sigmoid(-1000)": (tapead.log_sigmoid, (-1000.0,), (1.0,)),
    "floor": (lambda x: tapead.floor(x) + math.floor(x), (2.5,), (0.0,)),
    "floor at a step": (tapead.floor, (2.0,), (0.0,)),
    "ceil": (lambda x: tapead.ceil(x) + math.ceil(x), (2.5,), (0.0,)),
    "sign": (tapead.sign, (0.0,), (0.0,)),
    "round": (lambda x: tapead.rint(x) + round(x) + round(x, 1), (2.5,), (0.0,)),
    "int": (lambda x: tapead.trunc(x) + int(x), (2.5,), (0.0,)),
    "remainder(5,2)": (tapead.remainder, (5.0, 2.0), (1.0, -2.0)),
    "remainder(-5,2)": (lambda x, y: x % y, (-5.0, 2.0), (1.0, 3.0)),
    "remainder(1,.1)": (tapead.remainder, (1.0, 0.1), (1.0, -9.0)),
    "fmod(5,2)": (tapead.fmod, (5.0, 2.0), (1.0, -2.0)),
    "fmod(-5,2)": (tapead.fmod, (-5.0, 2.0), (1.0, 2.0)),
    "fmod(1,.1)": (tapead.fmod, (1.0, 0.1), (1.0, -9.0)),
    "sort with ties": (third_of_sorted, (2.0, 1.0, 1.0), (100.0, 1.0, 10.0)),
    "maximum(1,nan,0)": (maximum_of, (1.0, NAN, 0.0), (0.0, 1.0, 0.0)),
    "fmax(nan,2)": (tapead.fmax, (NAN, 2.0), (0.0, 1.0)),
    "unused": (lambda x, y: 2.0 * x, (1.0, 5.0), (2.0, 0.0)),
    "constant": (lambda x: 3.0, (1.0,), (0.0,)),
    "divide(1e-200,1e-200)": (tapead.divide, (1e-200, 1e-200), (1e200, -1e200)),
    "divide(0,1e-300)": (tapead.divide, (0.0, 1e-300), (1e300, 0.0)),
    "exp(-800)": (tapead.exp, (-800.0,), (0.0,)),
    "expm1(1e-20)": (tapead.expm1, (1e-20,), (1.0,)),
    "log1p(1e-20)": (tapead.log1p, (1e-20,), (1.0,)),
    "hypot(3e200,4e200)": (tapead.hypot, (3e200, 4e200), (0.6, 0.8)),
    "hypot(3e-200,4e-200)": (tapead.hypot, (3e-200, 4e-200), (0.6, 0.8)),
    "arctan2(3e200,4e200)": (tapead.arctan2, (3e200, 4e200), (1.6e-201, -1.2e-201)),
    "arctan2(3e-200,4e-200)": (tapead.arctan2, (3e-200, 4e-200), (1.6e199, -1.2e199)),
    "reciprocal(0)": (lambda x: 1 / x, (0.0,), (-INF,)),
    "0 x inf is seen": (rebound_to_zero, (0.0,), (NAN,)),
    "a + a, b + b": (shared_node, (1.0,), (8.0,)),
}


def by_grad(f, point):
    return tapead.grad(f, tuple(range(len(point))))(*point)


def by_jvp(f, point):
    """One argument at a time: a tangent of 0.0 is a path, and 0 x inf would be seen."""

    def along(i):
        return lambda x: [f(*point[:i], x, *point[i + 1 :])]

    return [tapead.jvp(along(i), (x,), (1.0,))[1][0] for i, x in enumerate(point)]


def by_jacrev(f, point):
    return tapead.jacrev(f, tuple(range(len(point))))(*point)


def by_jacfwd(f, point):
    return tapead.jacfwd(f, tuple(range(len(point))))(*point)


def recorded(mode):
    """The same where an outer tape records the sweep."""

    def partials(f, point):
        with tapead.Tape() as tape:
            result = mode(f, tuple(tape.variable(x) for x in point))
        return [getattr(partial, "value", partial) for partial in result]

    return partials


def by_tape_gradient(f, point):
    with tapead.Tape() as tape:
        xs = [tape.variable(x) for x in point]
        y = f(*xs)
    return tape.gradient(y, xs)


def by_tape_pushforward(f, point):
    """One input at a time; nothing reaches the others."""
    with tapead.Tape() as tape:
        xs = [tape.variable(x) for x in point]
        y = f(*xs)
    return [tape.pushforward(y, x) for x in xs]


READINGS = {mode.__name__: mode for mode in (by_grad, by_jvp, by_jacrev, by_jacfwd)}
READINGS |= {f"recorded_{name}": recorded(mode) for name, mode in READINGS.items()}
READINGS |= {mode.__name__: mode for mode in (by_tape_gradient, by_tape_pushforward)}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("case", CASES)
def test_partials_are_the_convention_s(case, reading):
    f, point, partials = CASES[case]
    got = READINGS[reading](f, point)
    assert all(type(partial) is float for partial in got)
    np.testing.assert_allclose(got, partials, rtol=8 * EPS, atol=0)  # a few rounded products


# function of an array, point, gradient
ARRAY_CASES = {
    "max([1,1,0])": (np.max, (1.0, 1.0, 0.0), (0.5, 0.5, 0.0)),
    "min([1,1,2])": (np.min, (1.0, 1.0, 2.0), (0.5, 0.5, 0.0)),
    "max([1,nan,0])": (np.max, (1.0, NAN, 0.0), (0.0, 1.0, 0.0)),
    "prod([0,2,3])": (np.prod, (0.0, 2.0, 3.0), (6.0, 0.0, 0.0)),
    "prod([0,0,3])": (np.prod, (0.0, 0.0, 3.0), (0.0, 0.0, 0.0)),
    "sum(cumprod([0,2,3]))": (lambda x: np.sum(np.cumprod(x)), (0.0, 2.0, 3.0), (9.0, 0.0, 0.0)),
    "where": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), (0.0, 4.0), (0.0, 0.25)),
    "where with a mask": (lambda x: np.sum(np.sqrt(x[x > 0])), (-1.0, 0.0, 4.0), (0, 0, 0.25)),
    "clip": (lambda x: np.sum(np.clip(x, 0.0, 1.0)), (0.0, 0.5, 1.0), (0.0, 1.0, 0.0)),
    "sinc": (lambda x: np.sum(np.sinc(x)), (0.0, 1e-9), (0.0, -3.2898681336964524e-9)),
    "maximum": (lambda x: np.sum(np.maximum(x, 0.0)), (-1.0, 0.0, 1.0), (0.0, 0.5, 1.0)),
    "sort": (lambda x: np.sort(x) @ [1.0, 10.0, 100.0], (2.0, 1.0, 1.0), (100.0, 1.0, 10.0)),
}


@pytest.mark.parametrize("case", ARRAY_CASES)
def test_gradient_of_an_array_is_the_convention_s(case):
    f, point, gradient = ARRAY_CASES[case]
    value, got = tapead.value_and_grad(f)(np.array(point))
    np.testing.assert_equal(value, float(f(np.array(point))))
    np.testing.assert_allclose(got, gradient, rtol=2 * EPS, atol=0)


PI2 = math.pi**2

# function, point, derivatives of order 1, 2, ...
HIGHER = {
    "x**2 at 0": (lambda x: x**2, 0.0, (0.0, 2.0, 0.0, 0.0)),
    "square at 0": (tapead.square, 0.0, (0.0, 2.0, 0.0)),
    "x*x at 0": (lambda x: x * x, 0.0, (0.0, 2.0, 0.0)),
    "x**3 at 0": (lambda x: x**3, 0.0, (0.0, 0.0, 6.0, 0.0)),
    "x**3 at -2": (lambda x: x**3.0, -2.0, (12.0, -12.0, 6.0)),
    "x**1 at 0": (lambda x: x**1, 0.0, (1.0, 0.0, 0.0)),
    "abs at 0": (abs, 0.0, (0.0, 0.0, 0.0)),
    "abs at 2": (abs, 2.0, (1.0, 0.0, 0.0)),
    "relu at 0": (tapead.relu, 0.0, (0.0, 0.0)),
    "relu at 1": (tapead.relu, 1.0, (1.0, 0.0)),
    "maximum at 0": (lambda x: tapead.maximum(x, 0.0), 0.0, (0.5, 0.0)),
    "maximum at 1": (lambda x: tapead.maximum(x, 0.0), 1.0, (1.0, 0.0)),
    "floor": (tapead.floor, 2.5, (0.0, 0.0)),
    "sinc at 0": (tapead.sinc, 0.0, (0.0, -PI2 / 3, 0.0, PI2**2 / 5)),
    "sinc at 1e-9": (tapead.sinc, 1e-9, (-PI2 / 3e9, -PI2 / 3, PI2**2 / 5e9)),
    "where at 0": (where_sqrt, 0.0, (0.0, 0.0)),
    "cubed maximum": (lambda x: tapead.maximum(x, 0.0) ** 3, 2.0, (12.0, 12.0, 6.0)),
}


@pytest.mark.parametrize("mode", ["derivative", "grad"])
@pytest.mark.parametrize("case", HIGHER)
def test_higher_derivatives_are_the_convention_s(case, mode):
    f, x, derivatives = HIGHER[case]
    for order, reference in enumerate(derivatives, start=1):
        if mode == "derivative":
            g = tapead.derivative(f, order)
        else:
            g = functools.reduce(lambda h, _: tapead.grad(h), range(order), f)
        assert g(x) == pytest.approx(reference, rel=16 * EPS, abs=0), f"order {order}"


MIXED = {
    "power at y=0": (tapead.power, (2.0, 0.0), 0.5),
    "power at y=1": (tapead.power, (2.0, 1.0), 1.0 + math.log(2.0)),
    "power at y=2": (tapead.power, (2.0, 2.0), 2.0 + 4.0 * math.log(2.0)),
    "xlogy at x=0": (tapead.xlogy, (0.0, 2.0), 0.5),
    "remainder": (tapead.remainder, (5.0, 2.0), 0.0),
    "fmod": (tapead.fmod, (5.0, 2.0), 0.0),
    "hypot": (tapead.hypot, (3.0, 4.0), -12.0 / 125.0),
}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["xy", "yx"])
@pytest.mark.parametrize("case", MIXED)
def test_mixed_derivatives_are_symmetric(case, order):
    f, point, reference = MIXED[case]
    got = tapead.grad(tapead.grad(f, order[0]), order[1])(*point)
    assert got == pytest.approx(reference, rel=8 * EPS, abs=0)


# name in mpmath, points where the textbook formula cancels, overflows or underflows
EXTREMES = {
    "arcsin": ("asin", (1 - 2.0**-53, -1 + 2.0**-52, 1e-200)),
    "arccos": ("acos", (1 - 2.0**-53, -1 + 2.0**-52, 1e-200)),
    "arctanh": ("atanh", (1 - 2.0**-53, -1 + 2.0**-52, 1e-200)),
    "arccosh": ("acosh", (1 + 2.0**-52, 1e200)),
    "arcsinh": ("asinh", (1e200, -1e200, 1e-200)),
    "tanh": ("tanh", (20.0, -20.0, 300.0, 1e-200)),
    "sqrt": ("sqrt", (1e-300, 1e300)),
    "log_ndtr": (lambda x: mp.log(mp.ncdf(x)), (-40.0, -8.0, 5.0)),
    "erfc": ("erfc", (20.0, -20.0)),
    "ndtr": ("ncdf", (-30.0, 8.0)),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), (-700.0, 36.7, 700.0)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), (-700.0, 40.0)),
    "log1p": ("log1p", (-1 + 2.0**-53, 1e-17, 1e300)),
    "reciprocal": (lambda x: 1 / x, (1e-150, 1e150)),
    "gammaln": ("loggamma", (1e-300, 1e10)),
    "digamma": ("digamma", (1e-150, 1e10)),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_value_and_derivative_hold_at_extremes(name):
    f, points = EXTREMES[name]
    f = getattr(mp, f) if isinstance(f, str) else f
    for x in points:
        with mp.workdps(400):  # the tails lie 300 digits below 1
            value, slope = float(f(mp.mpf(x))), float(mp.diff(f, mp.mpf(x), h=mp.mpf("1e-330")))
        got = tapead.value_and_grad(getattr(tapead, name))(x)
        # 1 ulp in the tail's exponent, |x| up to 700, is worth 700 ulp
        np.testing.assert_allclose(got, (value, slope), rtol=1000 * EPS, atol=0, err_msg=f"{x}")


def test_square_root_of_a_python_zero_is_no_error():
    assert tapead.grad(tapead.sqrt)(0.0) == INF
    assert tapead.grad(lambda x: 1.0 / x)(0.0) == -INF
    assert tapead.grad(lambda x: 1.0 % x)(0.0) != 0.0
