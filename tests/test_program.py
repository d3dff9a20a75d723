"""Replays of a Program: the function and the transforms of tapead at other points, bit for bit."""

import itertools
import math

import numpy as np
import pytest
from branches import same
from hypothesis import given
from hypothesis import strategies as st
from programs import programs
from reference import function, row_id

import tapead
from tapead.elementals import ROWS

INF, NAN = math.inf, math.nan
TINY = 1e-310
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, INF, -INF, NAN, TINY, 1e200, -1e200)

# Reached through derivatives of others only: no function of their own to record.
INNER = {"polygamma", "sinc_derivative", "copy", "xdivy", "sech2", "excess", "mills"}
RECORDED = [row for row in ROWS if row.name not in INNER]

# How a row stands in a function; each makes partials of 0, infinity or none meet in its own way.
PLACES = {
    "alone": lambda f: f,
    "inside a root": lambda f: lambda *xs: tapead.sqrt(f(*xs)),
    "of roots": lambda f: lambda *xs: f(*[tapead.sqrt(tapead.absolute(x)) for x in xs]),
    "used twice": lambda f: lambda *xs: f(*xs) * xs[0] + tapead.relu(f(*xs)),
}


def value(f, *xs):
    """What f gives for traced numbers."""
    return tapead.vjp(f, *xs)[0]


# What a program computes, and what it should be equal to: all take f, the point and a tangent.
KINDS = {
    "value": (lambda p, xs, v: p(*xs), lambda f, xs, v: value(f, *xs)),
    "grad": (lambda p, xs, v: p.grad(*xs), lambda f, xs, v: tapead.grad(f, every(xs))(*xs)),
    "value_and_grad": (
        lambda p, xs, v: p.value_and_grad(*xs),
        lambda f, xs, v: tapead.value_and_grad(f, every(xs))(*xs),
    ),
    "jvp": (lambda p, xs, v: p.jvp(xs, v), tapead.jvp),
    "vjp": (lambda p, xs, v: p.vjp(*xs)[1](v[0]), lambda f, xs, v: tapead.vjp(f, *xs)[1](v[0])),
    "hvp": (lambda p, xs, v: p.hvp(xs, v), tapead.hvp),
    "jacobian": (
        lambda p, xs, v: p.jacobian(*xs),
        lambda f, xs, v: tapead.jacfwd(f, every(xs))(*xs),
    ),
    "hessian": (
        lambda p, xs, v: p.hessian(*xs),
        lambda f, xs, v: tapead.hessian(f, every(xs))(*xs),
    ),
}


def every(xs):
    return tuple(range(len(xs)))


def recorded(f, xs):
    return tapead.record(f, *xs, argnums=every(xs))


def check_all(program, f, xs, kinds=KINDS):
    """Every transform of the program is tapead's own of f."""
    tangent = (1.0, -2.0, 0.5, 3.0, -0.25)[: len(xs)]
    for kind in kinds:
        replayed, wanted = KINDS[kind]
        assert same(replayed(program, xs, tangent), wanted(f, xs, tangent)), (kind, xs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("row", RECORDED, ids=row_id)
def test_replay_of_a_row_is_the_transform(row, place, kind):
    """Recorded in the middle of its domain, replayed at every corner: kinks, ties, NaN, inf."""
    f = PLACES[place](function(row))
    program = recorded(f, [(low + high) / 2 for low, high in row.domain])
    for xs in itertools.product(SPECIAL, repeat=row.arity):
        check_all(program, f, xs, [kind])


@pytest.mark.parametrize("corner", [0.0, -1.0], ids=["at zero", "below"])
@pytest.mark.parametrize("row", RECORDED, ids=row_id)
def test_replay_does_not_depend_on_where_it_was_recorded(row, corner):
    f = PLACES["used twice"](function(row))
    program = recorded(f, (corner,) * row.arity)
    for xs in itertools.product(SPECIAL, repeat=row.arity):
        check_all(program, f, xs, ["value_and_grad", "jvp"])


@given(programs(max_outputs=1), st.lists(st.floats(-9.0, 9.0), min_size=5, max_size=5))
def test_replay_of_a_random_program_is_the_transform(program, numbers):
    def f(*xs):
        return program(*xs)[0]

    check_all(recorded(f, program.point), f, tuple(numbers[: program.n_inputs]))


@given(programs(), st.lists(st.floats(-9.0, 9.0), min_size=5, max_size=5))
def test_jacobian_of_a_random_program_is_the_transform(program, numbers):
    xs = tuple(numbers[: program.n_inputs])
    replay = recorded(program, program.point)
    wanted = tapead.jacfwd(program, every(xs))(*xs)
    same(replay.jacobian(*xs), wanted)
    same(replay(*xs), value(program, *xs))
    weights = [1.0, -2.0, 0.5][: len(wanted)]
    same(replay.vjp(*xs)[1](weights), tapead.vjp(program, *xs)[1](weights))


def test_jacobian_with_more_arguments_than_results_is_close_to_the_transform_s():
    """tapead sweeps in reverse here, a program takes the entries forward: other last bits."""

    def f(x, y, z):
        return tapead.sin(x * y) * tapead.exp(z) / (x + y)

    found = recorded(f, (1.0, 2.0, 0.5)).jacobian(0.3, 0.7, -1.0)
    assert found == pytest.approx(tapead.jacobian(f, (0, 1, 2))(0.3, 0.7, -1.0), rel=1e-15)


@pytest.mark.parametrize(("n", "m"), [(700, 3), (3, 700), (600, 600)])
def test_jacobian_by_directions_is_the_transform(n, m):
    """Dense: too many entries for a program of them; more directions than one block holds."""
    a = np.random.default_rng(0).normal(size=(m, min(n, 6)))
    at = np.linspace(0.0, 1.0, n)

    def f(x):
        mixed = tapead.sin(sum(x.tolist()))
        for _ in range(20):
            mixed = tapead.sin(mixed + x[0])
        return [mixed * float(row[0]) + x[i % n] * float(row[1]) for i, row in enumerate(a)]

    found = np.array(tapead.record(f, np.zeros(n)).jacobian(at))
    wanted = np.array(tapead.jacobian(f)(at))
    # a sum of up to 20 products in another order
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-300)


# Adjoints that are absent on one side of a kink and meet an infinite partial on the other.
CHAINS = {
    "sqrt(maximum(x, 0))": lambda x: tapead.sqrt(tapead.maximum(x, 0.0)),
    "sqrt(relu(x))": lambda x: tapead.sqrt(tapead.relu(x)),
    "sqrt(clip(x, 0, 1))": lambda x: tapead.sqrt(tapead.clip(x, 0.0, 1.0)),
    "log(clip(x, None, 0))": lambda x: tapead.log(tapead.clip(x, None, 0.0)),
    "maximum(1, sqrt(x))": lambda x: tapead.maximum(1.0, tapead.sqrt(x)),
    "maximum(x, sqrt(x))": lambda x: tapead.maximum(x, tapead.sqrt(x)),
    "relu(-sqrt(x))": lambda x: tapead.relu(-tapead.sqrt(x)),
    "relu(log(x))": lambda x: tapead.relu(tapead.log(x)) * 2.0,
    "minimum(log(x), 0)": lambda x: tapead.minimum(tapead.log(x), 0.0),
    "fmax(sqrt(x), -x)": lambda x: tapead.fmax(tapead.sqrt(x), -x),
    "fmin(cbrt(x), x)": lambda x: tapead.fmin(tapead.cbrt(x), x),
    "clip(1/x, 0, 1)": lambda x: tapead.clip(1.0 / x, 0.0, 1.0),
    "hypot(x, 0)": lambda x: tapead.hypot(x, 0.0),
    "hypot(sqrt(x), x)": lambda x: tapead.hypot(tapead.sqrt(tapead.absolute(x)), x),
    "x**x": lambda x: x**x,
    "relu(x)**0.5": lambda x: tapead.relu(x) ** 0.5,
    "x**relu(x)": lambda x: x ** tapead.relu(x),
    "relu(x)**relu(x)": lambda x: tapead.relu(x) ** tapead.relu(x),
    "abs(x)**1.5": lambda x: abs(x) ** 1.5,
    "0**x": lambda x: 0.0**x,
    "sqrt(x)**2": lambda x: tapead.sqrt(x) ** 2,
    "sqrt(x*x)": lambda x: tapead.sqrt(x * x),
    "sqrt(relu(x)) * relu(-x)": lambda x: tapead.sqrt(tapead.relu(x)) * tapead.relu(-x),
    "relu(x) + relu(-x)": lambda x: tapead.relu(x) + tapead.relu(-x),
    "heaviside(x, sqrt(x))": lambda x: tapead.heaviside(x, tapead.sqrt(x)),
    "copysign(sqrt(|x|), x)": lambda x: tapead.copysign(tapead.sqrt(abs(x)), x),
    "floor(x) * sqrt(x)": lambda x: tapead.floor(x) * tapead.sqrt(x),
    "arctan2(relu(x), relu(x))": lambda x: tapead.arctan2(tapead.relu(x), tapead.relu(x)),
    "xlogy(relu(x), relu(x))": lambda x: tapead.xlogy(tapead.relu(x), tapead.relu(x)),
}


@pytest.mark.parametrize("start", [2.0, 0.0, -2.0], ids=["above", "at", "below"])
@pytest.mark.parametrize("chain", CHAINS)
def test_absence_is_structural_on_either_side_of_a_kink(chain, start):
    f = CHAINS[chain]
    program = tapead.record(f, start, argnums=(0,))
    for x in SPECIAL:
        check_all(program, f, (x,))


@pytest.mark.parametrize("chain", CHAINS)
def test_third_derivative_is_structural_on_either_side_of_a_kink(chain):
    f = CHAINS[chain]
    third = tapead.record(tapead.derivative(f, 3), -2.0)
    for x in SPECIAL:
        same(third(x), value(tapead.derivative(f, 3), x))


# CONVENTIONS.md section 2, replayed: function, where recorded, where replayed, the gradient.
CONVENTIONS = {
    "abs at 0": (abs, (-3.0,), (0.0,), (0.0,)),
    "maximum at a tie": (tapead.maximum, (1.0, 3.0), (2.0, 2.0), (0.5, 0.5)),
    "maximum, the other side": (tapead.maximum, (1.0, 3.0), (3.0, 2.0), (1.0, 0.0)),
    "minimum at a tie": (tapead.minimum, (1.0, 3.0), (2.0, 2.0), (0.5, 0.5)),
    "maximum with nan": (tapead.maximum, (1.0, 3.0), (NAN, 2.0), (1.0, 0.0)),
    "fmax with nan": (tapead.fmax, (1.0, 3.0), (NAN, 2.0), (0.0, 1.0)),
    "relu at 0": (tapead.relu, (3.0,), (0.0,), (0.0,)),
    "clip at an end": (lambda x: tapead.clip(x, 0.0, 1.0), (0.5,), (1.0,), (0.0,)),
    "hypot at 0": (tapead.hypot, (3.0, 4.0), (0.0, 0.0), (0.0, 0.0)),
    "arctan2 at 0": (tapead.arctan2, (3.0, 4.0), (0.0, 0.0), (NAN, NAN)),
    "power at (0, 0)": (tapead.power, (2.0, 3.0), (0.0, 0.0), (0.0, 0.0)),
    "power at (0, 1/2)": (tapead.power, (2.0, 3.0), (0.0, 0.5), (INF, 0.0)),
    "power at (0, -1)": (lambda x: tapead.power(x, -1.0), (2.0,), (0.0,), (-INF,)),
    "power at (-1, 2)": (tapead.power, (2.0, 3.0), (-1.0, 2.0), (-2.0, NAN)),
    "square at 0": (lambda x: x**2, (2.0,), (0.0,), (0.0,)),
    "sqrt at 0": (tapead.sqrt, (2.0,), (0.0,), (INF,)),
    "sqrt of a square at 0": (lambda x: tapead.sqrt(x) ** 2, (2.0,), (0.0,), (NAN,)),
    "log at 0": (tapead.log, (2.0,), (0.0,), (INF,)),
    "remainder": (tapead.remainder, (5.0, 3.0), (-5.0, 2.0), (1.0, 3.0)),
    "floor": (lambda x: tapead.floor(x) + x, (1.5,), (7.2,), (1.0,)),
    "logaddexp at -inf": (tapead.logaddexp, (1.0, 2.0), (-INF, -INF), (0.5, 0.5)),
    "tanh in the tail": (tapead.tanh, (0.0,), (20.0,), (1.6993417021166355e-17,)),
    "softplus far out": (tapead.softplus, (0.0,), (1000.0,), (1.0,)),
}


@pytest.mark.parametrize("case", CONVENTIONS)
def test_convention_holds_when_replayed(case):
    f, start, xs, gradient = CONVENTIONS[case]
    assert recorded(f, start).grad(*xs) == pytest.approx(gradient, rel=1e-15, nan_ok=True)


@pytest.mark.parametrize("x", [-1.0, 0.0])
def test_where_that_is_selected_by_a_number_keeps_the_other_branch_absent(x):
    """The comparison is a guard; the program of this branch is right, that of the other refused."""

    def f(x):
        return tapead.where(x > 0, tapead.sqrt(x), 0.0)

    assert tapead.record(f, -3.0).grad(x) == 0.0
    with pytest.raises(tapead.BranchChanged):
        tapead.record(f, 3.0).grad(x)


def test_unused_argument_has_derivative_zero():
    program = tapead.record(lambda x, y: x * x, 1.0, 2.0, argnums=(0, 1))
    assert program.grad(3.0, 4.0) == (6.0, 0.0)
    assert program.hessian(3.0, 4.0) == ((2.0, 0.0), (0.0, 0.0))


def test_constant_function_replays():
    program = tapead.record(lambda x: 4.0, 1.0)
    assert (program(2.0), program.grad(2.0), program.hessian(2.0)) == (4.0, 0.0, 0.0)
    assert program.jvp((2.0,), (1.0,)) == (4.0, 0.0)


def test_result_that_is_an_argument_replays():
    program = tapead.record(lambda x, y: [y, x, y], 1.0, 2.0)
    assert program(5.0, 7.0) == [7.0, 5.0, 7.0]
    assert program.vjp(5.0, 7.0)[1]([1.0, 10.0, 100.0]) == (10.0, 101.0)


def test_captured_number_is_a_constant():
    rate = 0.5
    program = tapead.record(lambda x: rate * x, 1.0)
    rate = 2.0
    assert program(1.0) == 0.5
    parameters = np.array([1.0, 2.0])
    program = tapead.record(lambda x: x * parameters[1], 1.0)
    parameters[1] = 9.0
    assert program(1.0) == 2.0


def test_input_that_is_changed_after_a_replay_changes_nothing():
    x = np.array([1.0, 2.0])
    y, pullback = tapead.record(lambda x: x * x, x).vjp(x)
    x[:] = 100.0
    same(pullback(np.array([1.0, 1.0])), (np.array([2.0, 4.0]),))
    y[:] = 7.0
    same(pullback(np.array([1.0, 1.0])), (np.array([2.0, 4.0]),))
