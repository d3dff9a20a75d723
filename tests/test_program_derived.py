"""Programs of programs: derivatives as programs, and programs within recordings."""

import math

import numpy as np
import pytest
from branches import same
from hypothesis import given
from hypothesis import strategies as st
from programs import programs

import tapead

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, math.inf, -math.inf, math.nan)


def value(f, *xs):
    """What f gives for traced numbers."""
    return tapead.vjp(f, *xs)[0]


def nth_gradient(program, n):
    """The program's gradient, n times."""
    for _ in range(n):
        program = program.gradient()
    return program


# smooth, and with kinks where absence matters on one side
FUNCTIONS = {
    "polynomial": lambda x: x**5 - 2.0 * x**3 + x,
    "sin(x) * exp(x)": lambda x: tapead.sin(x) * tapead.exp(x),
    "tanh": tapead.tanh,
    "sinc": tapead.sinc,
    "x**2.5": lambda x: x**2.5,
    "x**x": lambda x: x**x,
    "sqrt(relu(x))": lambda x: tapead.sqrt(tapead.relu(x)),
    "relu(x) * sin(x)": lambda x: tapead.relu(x) * tapead.sin(x),
    "maximum(x, x*x)": lambda x: tapead.maximum(x, x * x),
    "hypot(x, relu(x))": lambda x: tapead.hypot(x, tapead.relu(x)),
    "abs(x)**1.5": lambda x: abs(x) ** 1.5,
    "relu(x)**relu(x)": lambda x: tapead.relu(x) ** tapead.relu(x),
    "xlogy": lambda x: tapead.xlogy(tapead.relu(x), x),
    "arctan2": lambda x: tapead.arctan2(tapead.relu(x), x),
    "log_ndtr": tapead.log_ndtr,
    "clip": lambda x: tapead.clip(x, 0.0, 1.0) * tapead.sqrt(x),
}


@pytest.mark.parametrize("start", [2.0, 0.0, -2.0], ids=["above", "at", "below"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_of_gradients_is_the_derivative(name, order, start):
    """Signs of zeros and the last bits are those of another order of operations: up to 16 ulp."""
    f = FUNCTIONS[name]
    program = nth_gradient(tapead.record(f, start), order)
    nested = f
    for _ in range(order):
        nested = tapead.grad(nested)
    for x in SPECIAL:
        wanted = nested(x)
        assert program(x) == pytest.approx(wanted, rel=16 * 2.0**-52, abs=0.0, nan_ok=True), x


@given(programs(max_outputs=1), st.lists(st.floats(-3.0, 3.0), min_size=5, max_size=5))
def test_derived_programs_of_a_random_program(program, numbers):
    n = program.n_inputs
    xs, argnums = tuple(numbers[:n]), tuple(range(n))
    tangents = (1.0, -2.0, 0.5, 3.0, -0.25)[:n]

    def f(*xs):
        return program(*xs)[0]

    replay = tapead.record(f, *program.point, argnums=argnums)
    same(replay.gradient()(*xs), tapead.grad(f, argnums)(*xs))
    same(replay.pushforward()(xs, tangents), tapead.jvp(f, xs, tangents))
    same(replay.pullback()(xs, 2.0), tapead.vjp(f, *xs)[1](2.0))
    # a derivative of passes' result may round another way: 1e-12 of the largest entry
    found = np.array(replay.gradient().jacobian(*xs, argnums=argnums))
    wanted = np.array(tapead.hessian(f, argnums)(*xs))
    scale = 1e-12 * np.max(np.abs(wanted), initial=1e-300)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=scale)


@given(programs(), st.lists(st.floats(-3.0, 3.0), min_size=5, max_size=5))
def test_pushforward_and_pullback_are_adjoint(program, numbers):
    """<w, J v> = <J' w, v>, up to the rounding of the sums."""
    n = program.n_inputs
    xs = tuple(numbers[:n])
    v = np.array([1.0, -2.0, 0.5, 3.0, -0.25][:n])
    replay = tapead.record(program, *program.point)
    y, y_dot = replay.pushforward()(xs, tuple(v.tolist()))
    w = np.array([1.0, 2.0, -3.0][: len(y)])
    x_bar = np.array(replay.pullback()(xs, w.tolist()))
    scale = np.abs(w * y_dot).sum() + np.abs(x_bar * v).sum()
    assert np.isclose(w @ y_dot, x_bar @ v, rtol=0.0, atol=1e-11 * scale)


def test_derived_programs_of_derived_programs():
    def f(x, y):
        return x * x * y + tapead.exp(x * y)

    program = tapead.record(f, 1.0, 2.0, argnums=(0, 1))
    at, v, w = (0.5, -0.25), (1.0, 2.0), (3.0, -1.0)
    hvp = program.gradient().pushforward()(at, v)
    assert hvp[1] == pytest.approx(tapead.hvp(f, at, v), rel=1e-14)
    back = program.gradient().pullback()(at, w)
    assert back == pytest.approx(tapead.hvp(f, at, w), rel=1e-14)
    third = program.gradient().pushforward().pullback()
    found = third((at, v), (program.gradient()(*at), w))

    def wanted(x, y, a, b):
        return tapead.jvp(tapead.grad(f, (0, 1)), (x, y), (a, b))

    expected = tapead.vjp(wanted, *at, *v)[1]((program.gradient()(*at), w))
    assert np.ravel(found) == pytest.approx(expected, rel=1e-13)


def test_pushforward_takes_containers():
    program = tapead.record(lambda d: d["a"] * np.sum(d["b"]), {"a": 1.0, "b": np.ones(2)})
    at, v = {"a": 2.0, "b": np.array([3.0, 4.0])}, {"a": 1.0, "b": np.array([0.5, 0.0])}
    same(program.pushforward()((at,), (v,)), (14.0, 8.0))
    same(program.pullback()((at,), 1.0), ({"a": 7.0, "b": np.array([2.0, 2.0])},))
    same(program.gradient()(at), {"a": 7.0, "b": np.array([2.0, 2.0])})


def test_gradient_by_several_arguments_is_a_tuple():
    program = tapead.record(lambda x, y: x * y**2, 1.0, 1.0)
    same(program.gradient()(3.0, 5.0), 25.0)
    same(program.gradient((0, 1))(3.0, 5.0), (25.0, 30.0))
    same(program.gradient((1, 0))(3.0, 5.0), (30.0, 25.0))
    same(program.gradient(1)(3.0, 5.0), 30.0)
    with pytest.raises(TypeError, match="one number"):
        program.gradient((0, 1)).gradient()


# -- programs within recordings

TRANSFORMS = {
    "grad": tapead.grad,
    "grad of grad": lambda f: tapead.grad(tapead.grad(f)),
    "third derivative": lambda f: tapead.derivative(f, 3),
    "jvp": lambda f: lambda x: tapead.jvp(f, (x,), (2.0,)),
    "vjp": lambda f: lambda x: tapead.vjp(f, x)[1](2.0),
    "hessian": tapead.hessian,
    "hvp": lambda f: lambda x: tapead.hvp(f, (x,), (2.0,)),
    "jacobian": tapead.jacobian,
    "value": lambda f: lambda x: value(f, x),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_program_within_a_recording_is_the_function(name, transform):
    f, take = FUNCTIONS[name], TRANSFORMS[transform]
    program = tapead.record(f, -2.0)
    inlined, wanted = take(lambda x: program(x * 1.0)), take(lambda x: f(x * 1.0))
    direct, plain = take(program), take(f)
    for x in SPECIAL:
        for got, expected in ((inlined(x), wanted(x)), (direct(x), plain(x))):
            np.testing.assert_allclose(  # as for gradients of gradients
                np.ravel(got), np.ravel(expected), rtol=16 * 2.0**-52, atol=0.0, err_msg=str(x)
            )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_program_within_a_recording_is_the_gradient(name):
    f = FUNCTIONS[name]
    program = tapead.record(f, -2.0)
    found = tapead.grad(lambda x: x * program.grad(x) + program.gradient()(x))
    wanted = tapead.grad(lambda x: x * tapead.grad(f)(x) + tapead.grad(f)(x))
    for x in SPECIAL:
        assert found(x) == pytest.approx(wanted(x), rel=16 * 2.0**-52, abs=0.0, nan_ok=True), x


METHODS = {
    "value_and_grad": (
        lambda p, x: p.value_and_grad(x)[1], lambda f, x: tapead.value_and_grad(f)(x)[1],
    ),
    "jvp": (
        lambda p, x: p.jvp((x,), (x * 2.0,))[1],
        lambda f, x: tapead.jvp(f, (x,), (x * 2.0,))[1],
    ),
    "vjp": (lambda p, x: p.vjp(x)[1](x)[0], lambda f, x: tapead.vjp(f, x)[1](x)[0]),
    "hvp": (lambda p, x: p.hvp((x,), (x,))[0], lambda f, x: tapead.hvp(f, (x,), (x,))[0]),
    "hessian": (lambda p, x: p.hessian(x), lambda f, x: tapead.hessian(f)(x)),
    "jacobian": (lambda p, x: p.jacobian(x), lambda f, x: tapead.jacobian(f)(x)),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_method_of_a_program_within_a_recording(method):
    def f(x):
        return tapead.sin(x) * x**3

    program = tapead.record(f, 1.0)
    of_program, of_function = METHODS[method]
    found = tapead.value_and_grad(lambda x: x * of_program(program, x * x))(0.7)
    wanted = tapead.value_and_grad(lambda x: x * of_function(f, x * x))(0.7)
    assert found == pytest.approx(wanted, rel=1e-14)


def test_program_within_a_recording_takes_containers():
    def f(d, x):
        return {"y": d["a"] * np.sum(x * x), "z": x * d["a"]}

    program = tapead.record(f, {"a": 1.0}, np.ones(2))

    def outer(g):
        return lambda a, x: np.sum(g({"a": a * a}, x)["z"]) * g({"a": a}, x)["y"]

    at = (3.0, np.array([1.0, 2.0]))
    same(tapead.grad(outer(program), (0, 1))(*at), tapead.grad(outer(f), (0, 1))(*at))
    with pytest.raises((TypeError, ValueError), match="argument"):
        tapead.grad(lambda a: program([a], np.ones(2))["y"])(1.0)
    with pytest.raises(ValueError, match=r"\(2,\)"):
        tapead.grad(lambda a: program({"a": a}, np.ones(3))["y"])(1.0)


def test_guards_are_checked_within_a_recording():
    program = tapead.record(lambda x: x * x if x > 0 else -x, 1.0)
    assert tapead.grad(lambda x: program(x * 2.0))(1.5) == 12.0
    with pytest.raises(tapead.BranchChanged):
        tapead.grad(lambda x: program(x * 2.0))(-1.5)
    branching = tapead.record(program.__wrapped__, 1.0, on_branch="record")
    assert tapead.grad(lambda x: branching(x * 2.0))(-1.5) == -2.0


def test_guards_are_carried_into_a_recorded_program():
    inner = tapead.record(lambda x: x * x if x > 0 else -x, 1.0)
    outer = tapead.record(lambda x: inner(x * 2.0), 1.0)
    assert (outer(3.0), outer.grad(3.0)) == (36.0, 24.0)
    for call in (outer, outer.grad, outer.gradient(), outer.hessian):
        with pytest.raises(tapead.BranchChanged):
            call(-1.0)


def test_record_within_a_recorded_function():
    def f(x):
        inner = tapead.record(lambda y: y * y * y, 2.0)
        return inner(x) * tapead.record(lambda y: y + 1.0, 1.0).grad(x)

    program = tapead.record(f, 1.0)
    assert (program(2.0), program.grad(2.0), program.hessian(2.0)) == (8.0, 12.0, 12.0)


TRANSFORMED = {
    "relu": tapead.relu, "abs": abs, "sqrt(relu)": lambda x: tapead.sqrt(tapead.relu(x)),
    "power": lambda x: x**x, "power of relu": lambda x: tapead.relu(x) ** 1.5,
    "hypot": lambda x: tapead.hypot(x, tapead.relu(x)), "clip": lambda x: tapead.clip(x, 0.0, 1.0),
    "maximum": lambda x: tapead.maximum(x * x, x), "log": lambda x: tapead.log(tapead.relu(x)),
    "divide": lambda x: tapead.relu(x) / x, "remainder": lambda x: tapead.remainder(x * x, 2.0),
}  # fmt: skip
INNER = {
    "grad": lambda f: lambda x: tapead.grad(f)(x) + x,
    "grad twice": lambda f: lambda x: tapead.derivative(f, 2)(x * 1.0),
    "jvp": lambda f: lambda x: tapead.jvp(f, (x,), (x,))[1],
    "vjp": lambda f: lambda x: tapead.vjp(f, x)[1](x)[0],
    "hessian": tapead.hessian,
    "hvp": lambda f: lambda x: tapead.hvp(f, (x,), (x,))[0],
    "jacobian": lambda f: lambda x: tapead.jacobian(lambda x: [f(x), x])(x)[0],
    "value_and_grad": lambda f: lambda x: sum(tapead.value_and_grad(f)(x)),
}


@pytest.mark.parametrize("start", [2.0, 0.0, -2.0], ids=["above", "at", "below"])
@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("name", TRANSFORMED)
def test_transform_within_a_recorded_function_is_right_on_the_other_side(name, inner, start):
    f = INNER[inner](TRANSFORMED[name])
    program = tapead.record(f, start)
    for x in SPECIAL:
        same(program(x), value(f, x))
        same(program.grad(x), tapead.grad(f)(x))
