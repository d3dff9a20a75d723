"""Transforms inside transforms, in any order, and inside recordings."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mpmath import mp

import tapead
from tapead import Tape, TapeError


def of_an_array(transform, f):
    """Derivative of f through an array of one element."""
    return lambda x: transform(lambda a: [f(a[0])])(np.array([x]))[0][0]


# f to its derivative, for a function of one number
FIRST = {
    "grad": tapead.grad,
    "value_and_grad": lambda f: lambda x: tapead.value_and_grad(f)(x)[1],
    "jvp": lambda f: lambda x: tapead.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: tapead.vjp(f, x)[1](1.0)[0],
    "jacfwd": tapead.jacfwd,
    "jacrev": tapead.jacrev,
    "jacobian": tapead.jacobian,
    "derivative": tapead.derivative,
    "grad of a list": lambda f: lambda x: tapead.grad(lambda c: f(c[0]))([x])[0],
    "jacfwd of an array": lambda f: (
        lambda x: tapead.jacfwd(lambda a: [f(a[0])])(np.array([x]))[0][0]
    ),
    "jacrev of an array": lambda f: (
        lambda x: tapead.jacrev(lambda a: [f(a[0])])(np.array([x]))[0][0]
    ),
    "hessian, integrated": lambda f: (
        lambda x: tapead.hessian(lambda t: (t - x) * f(t))(x) / 2
    ),  # ((t - x) f)'' at t = x is 2 f'
}
SECOND = {
    "hessian": tapead.hessian,
    "hvp": lambda f: lambda x: tapead.hvp(f, (x,), (1.0,))[0],
    "derivative of order 2": lambda f: tapead.derivative(f, 2),
}
X = 0.7


def f(x):
    return tapead.sin(x) * tapead.exp(x / 2) + x**3 + tapead.sqrt(x) * 2.0


def exact(order):
    with mp.workdps(40):
        return float(
            mp.diff(lambda x: mp.sin(x) * mp.exp(x / 2) + x**3 + 2 * mp.sqrt(x), mp.mpf(X), order)
        )


RULES = 1e-13  # relative error of third derivatives that are sums of twenty products


@pytest.mark.parametrize("outer", FIRST)
@pytest.mark.parametrize("inner", FIRST)
def test_pair_is_the_second_derivative(inner, outer):
    assert FIRST[outer](FIRST[inner](f))(X) == pytest.approx(exact(2), rel=RULES)


@pytest.mark.parametrize("outer", FIRST)
@pytest.mark.parametrize("inner", FIRST)
def test_triple_is_the_third_derivative(inner, outer):
    for middle in FIRST.values():
        got = FIRST[outer](middle(FIRST[inner](f)))(X)
        assert got == pytest.approx(exact(3), rel=RULES)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_second_order_nests_either_way(first, second):
    for chain in ((FIRST[first], SECOND[second]), (SECOND[second], FIRST[first])):
        assert chain[1](chain[0](f))(X) == pytest.approx(exact(3), rel=RULES)


@pytest.mark.parametrize("outer", SECOND)
@pytest.mark.parametrize("inner", SECOND)
def test_second_order_of_second_order(inner, outer):
    assert SECOND[outer](SECOND[inner](f))(X) == pytest.approx(exact(4), rel=RULES)


def test_gradient_of_an_inner_gradient_of_an_array():
    """A gradient penalty: the gradient of |grad g|^2 is 2 H grad g."""

    def g(x):
        return np.sum(x**3) * x[0]

    def penalty(x):
        return np.sum(tapead.grad(g)(x) ** 2)

    x = np.array([1.0, 2.0, -1.0])
    wanted = 2 * tapead.hessian(g)(x) @ tapead.grad(g)(x)
    np.testing.assert_allclose(tapead.grad(penalty)(x), wanted, rtol=1e-14)


# -- perturbation confusion ------------------------------------------------------------------


@pytest.mark.parametrize("outer", FIRST)
@pytest.mark.parametrize("inner", FIRST)
class TestConfusion:
    """An inner derivative does not take an outer input for its own."""

    def check(self, inner, outer, body, x, wanted):
        slope = FIRST[inner]
        assert FIRST[outer](lambda x: body(slope, x))(x) == pytest.approx(wanted, rel=1e-15)

    def test_constant_inner_derivative(self, inner, outer):
        self.check(inner, outer, lambda slope, x: x * slope(lambda y: x + y)(1.0), 1.0, 1.0)

    def test_inner_derivative_at_the_outer_input(self, inner, outer):
        self.check(inner, outer, lambda slope, x: x * slope(lambda y: x * y)(x), 3.0, 6.0)

    def test_inner_function_of_both(self, inner, outer):
        self.check(inner, outer, lambda slope, x: slope(lambda y: x * y * y)(x), 3.0, 12.0)

    def test_inner_function_without_its_input(self, inner, outer):
        self.check(inner, outer, lambda slope, x: x + x * slope(lambda y: x)(2.0), 3.0, 1.0)

    def test_three_levels(self, inner, outer):
        self.check(
            inner, outer,
            lambda slope, x: slope(lambda y: slope(lambda z: x * y * y * z * z)(x))(x),  # 4 x^3
            2.0, 48.0,
        )  # fmt: skip

    def test_inner_derivative_of_a_number_alone(self, inner, outer):
        self.check(inner, outer, lambda slope, x: x * slope(lambda y: y * y)(5.0), 3.0, 10.0)


# -- inside a recording ----------------------------------------------------------------------


@pytest.mark.parametrize("name", FIRST)
def test_transform_of_numbers_in_a_recording_gives_floats(name):
    with Tape() as tape:
        x = tape.variable(3.0)
        y = x * x
        got = FIRST[name](f)(X)
        assert isinstance(got, float)
        assert got == pytest.approx(exact(1), rel=RULES)
        z = y * got
    assert tape.gradient(z, x) == 6.0 * got


SELF_CONTAINED = [name for name in FIRST if name != "vjp"]  # a pullback keeps its recording


@pytest.mark.parametrize("name", SELF_CONTAINED)
def test_transform_of_numbers_in_a_recording_leaves_nothing_on_it(name):
    with Tape() as tape:
        tape.variable(3.0)
        FIRST[name](f)(X)
    assert len(tape) == 1


@pytest.mark.parametrize("name", FIRST)
def test_transform_of_traced_values_in_a_recording_is_recorded(name):
    with Tape() as tape:
        x = tape.variable(X)
        y = FIRST[name](f)(x)
        assert type(y) is tapead.Var
    assert y.value == pytest.approx(exact(1), rel=RULES)
    assert tape.gradient(y, x) == pytest.approx(exact(2), rel=RULES)
    assert tape.pushforward(y, x) == pytest.approx(exact(2), rel=RULES)


def test_recorded_sweep_visits_only_what_depends_on_its_inputs():
    def heavy(x):
        for _ in range(1000):
            x = tapead.sin(x)
        return x

    for transform in (tapead.grad, tapead.derivative, tapead.jacrev, tapead.jacfwd):
        with Tape() as tape:
            x = tape.variable(1.0)
            transform(lambda y, x=x: y * heavy(x))(2.0)
        assert 1000 < len(tape) < 1020


def test_value_from_an_inner_transform_keeps_its_derivative():
    def outer(x):
        value, slope = tapead.value_and_grad(lambda y: x * y * y)(x)
        return value + slope  # x^3 + 2 x^2

    assert tapead.grad(outer)(2.0) == 12.0 + 8.0


def test_auxiliary_result_of_an_inner_transform_keeps_its_derivative():
    def outer(x):
        slope, aux = tapead.grad(lambda y: (y * y, [x * y, y]), has_aux=True)(x)
        return slope * 0.0 + aux[0] + aux[1]

    assert tapead.grad(outer)(3.0) == 7.0


def test_what_an_inner_function_keeps_from_outside_stays_usable():
    def outer(x):
        kept = []

        def inner(y):
            kept.append(x * x)
            return y * y

        return tapead.grad(inner)(1.0) + kept[0]

    assert tapead.grad(outer)(3.0) == 6.0


@pytest.mark.parametrize("name", SELF_CONTAINED)
def test_what_an_inner_function_leaks_of_its_own_is_refused(name):
    leaked = []

    def inner(y):
        leaked.append(y)
        return y * y

    FIRST[name](inner)(1.0)
    with pytest.raises(TapeError, match="no tape is recording"):
        leaked[0] + 1.0

    def outer(x):
        FIRST[name](inner)(1.0)
        return x * leaked[-1]

    with pytest.raises(TapeError, match="not on this tape"):
        tapead.grad(outer)(3.0)


def test_tape_inside_a_transform_is_a_recording_of_its_own():
    def outer(x):
        with Tape() as tape:
            t = tape.variable(x.value)
            y = t * t
        return x * tape.gradient(y, t)

    assert tapead.grad(outer)(3.0) == 6.0


def test_tape_left_open_by_a_function_is_an_error():
    """In a thread of its own: what is left active there ends with it."""

    def leaves_it_open(x):
        Tape().__enter__()
        return 1.0

    def work():
        with pytest.raises(TapeError):
            tapead.grad(leaves_it_open)(1.0)
        x = Tape().variable(1.0)
        with pytest.raises(TapeError, match="no tape is recording"):
            x + 1.0
        return True

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result()


def test_recursive_function_differentiates_itself():
    def newton(x, n):
        if n == 0:
            return x
        y = newton(x, n - 1)
        residual = lambda t: t * t - 2.0  # noqa: E731
        return y - residual(y) / tapead.grad(residual)(y)

    # one step from x is x / 2 + 1 / x, two steps that of that
    once = 1.5 / 2 + 1 / 1.5
    slope = (0.5 - 1 / once**2) * (0.5 - 1 / 1.5**2)
    assert tapead.grad(newton)(1.5, 2) == pytest.approx(slope, rel=1e-12)
