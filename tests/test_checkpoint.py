"""checkpointed_loop: derivatives."""

import functools
import math
import threading
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import STATE, P, flat, heat, lorenz, of_heat, of_lorenz, plain_loop

import tapead
from tapead import nn, optim
from tapead._containers import leaves, map_leaves

X = np.linspace(0.2, 1.1, 5)


class Pair(NamedTuple):
    position: np.ndarray
    speed: float


def swing(state, stiffness, mass):
    position = state["pair"].position + 0.1 * state["pair"].speed
    force = np.sum(np.sin(stiffness * position)) / mass
    return {"pair": Pair(position, state["pair"].speed - 0.1 * force), "name": state["name"]}


def of_swing(loop, **options):
    def f(position, stiffness, mass):
        state = {"pair": Pair(position, 0.3), "name": "swing"}
        found = loop(swing, state, 30, args=(stiffness, mass), **options)
        assert found["name"] == "swing"
        return np.sum(found["pair"].position ** 2) * found["pair"].speed

    return f


CASES = {
    "numbers": (of_lorenz, (STATE, P)),
    "large arrays": (of_heat, (1.3, 0.2)),
    "small arrays": (functools.partial(of_heat, n=7), (1.3, 0.2)),
    "containers": (of_swing, (X, 2.0, 1.5)),
}
TRANSFORMS = {
    "grad": lambda f, xs: tapead.grad(f, tuple(range(len(xs))))(*xs),
    "value_and_grad": lambda f, xs: tapead.value_and_grad(f, 1)(*xs),
    "jvp": lambda f, xs: tapead.jvp(f, xs, ones_like(xs)),
    "hvp": lambda f, xs: tapead.hvp(f, xs, ones_like(xs)),
    "hessian": lambda f, xs: tapead.hessian(f, 1)(*xs),
    "forward over reverse": lambda f, xs: tapead.jvp(
        lambda x: tapead.grad(f, 1)(xs[0], x, *xs[2:]), (xs[1],), ones_like((xs[1],))
    ),
    "reverse over reverse": lambda f, xs: tapead.grad(
        lambda x: sum(leaf**2 for leaf in leaves(tapead.grad(f, 1)(xs[0], x, *xs[2:])))
    )(xs[1]),
    "reverse over forward": lambda f, xs: tapead.grad(
        lambda x: tapead.jvp(lambda x: f(xs[0], x, *xs[2:]), (x,), ones_like((x,)))[1]
    )(xs[1]),
}


def ones_like(tree):
    return map_leaves(lambda x: np.ones_like(x) if isinstance(x, np.ndarray) else 1.0, tree)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("case", CASES)
def test_derivatives_are_those_of_the_plain_loop(case, transform):
    make, xs = CASES[case]
    loop = functools.partial(tapead.checkpointed_loop, checkpoints=4)
    found = flat(TRANSFORMS[transform](make(loop), xs))
    expected = flat(TRANSFORMS[transform](make(plain_loop), xs))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
@pytest.mark.parametrize("transform", ["grad", "jvp", "hvp", "reverse over reverse"])
def test_what_is_not_traced_has_no_tangent(n, transform):
    def step(state, a):
        t, x, drift = state
        slope = tapead.sqrt(t) * np.sum(x) / n + drift
        return t + 0.1, x + 0.1 * a * slope * x, drift + 0.01 * a * np.sum(x) / n

    def f(loop):
        def last(x, a):
            return np.sum(loop(step, (0.0, x * np.linspace(0.5, 1.0, n), 0.0), 35, args=(a,))[1])

        return last

    found, expected = (
        flat(TRANSFORMS[transform](f(loop), (0.7, 0.3)))
        for loop in (functools.partial(tapead.checkpointed_loop, checkpoints=3), plain_loop)
    )
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_third_derivative_of_what_is_not_traced():
    def step(state, a):
        t, x = state
        return t + 0.1, x + 0.1 * tapead.sqrt(t) * tapead.sin(a * x)

    def f(loop):
        return lambda a: loop(step, (0.0, 0.5), 20, args=(a,))[1]

    found = tapead.derivative(f(functools.partial(tapead.checkpointed_loop, checkpoints=3)), 3)
    assert found(0.7) == pytest.approx(tapead.derivative(f(plain_loop), 3)(0.7), rel=1e-9)


def test_third_derivative():
    def f(loop):
        return lambda x: loop(lambda y, x: y + 0.1 * tapead.sin(x * y), x, 20, args=(x,))

    found = tapead.derivative(f(functools.partial(tapead.checkpointed_loop, checkpoints=3)), 3)
    assert found(0.7) == pytest.approx(tapead.derivative(f(plain_loop), 3)(0.7), rel=1e-11)


def test_adjoint_is_the_complex_step():
    def last(r, loop):
        return loop(lorenz, STATE, 500, args=(P | {"r": r},))[2]

    found = tapead.grad(lambda r: last(r, functools.partial(tapead.checkpointed_loop, budget=500)))(
        28.0
    )
    assert found == pytest.approx(last(28.0 + 1e-30j, plain_loop).imag / 1e-30, rel=1e-8)


@pytest.mark.parametrize("checkpoints", [1, 2, 7, 1000])
def test_any_number_of_checkpoints_gives_the_same(checkpoints):
    def f(x):
        return tapead.checkpointed_loop(np.sin, x, 50, checkpoints=checkpoints)

    assert tapead.value_and_grad(f)(1.1) == tapead.value_and_grad(
        lambda x: plain_loop(tapead.sin, x, 50)
    )(1.1)


@settings(max_examples=60, deadline=None)
@given(
    n_steps=st.integers(0, 45),
    checkpoints=st.integers(1, 9),
    is_known=st.booleans(),
    is_static=st.booleans(),
    weights=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4),
)
def test_gradients_of_any_loop(n_steps, checkpoints, is_known, is_static, weights):
    def step(state, w):
        i, t, x, y = state
        first = w[0] * x + w[1] * tapead.sin(y) if x > y else w[2] * y - 0.3 * x
        return i + is_static, t + 1.0, first, tapead.tanh(x * y + w[3])

    def f(loop, **options):
        return lambda x, w: sum(loop(step, (0, 0.0, x, 0.4), n_steps, args=(w,), **options)[2:])

    if is_known:
        options = {"checkpoints": checkpoints}
    else:
        options = {"checkpoints": checkpoints, "until": lambda s, w: s[1] >= n_steps}
    found = tapead.value_and_grad(f(tapead.checkpointed_loop, **options), (0, 1))(0.6, weights)
    expected = tapead.value_and_grad(f(plain_loop), (0, 1))(0.6, weights)
    assert found[0] == expected[0]
    np.testing.assert_allclose(flat(found[1]), flat(expected[1]), rtol=1e-10, atol=1e-14)


def test_bits_are_those_of_the_tape():
    def f(loop):
        return lambda x, y: loop(lambda s: (s[1] * s[0], tapead.tanh(s[0])), (x, y), 33)[0]

    found = tapead.value_and_grad(f(tapead.checkpointed_loop), (0, 1))(0.9, 1.3)
    assert found == tapead.value_and_grad(f(plain_loop), (0, 1))(0.9, 1.3)


def test_float32_stays_float32():
    x = X.astype(np.float32)

    def f(loop):
        return lambda x: np.sum(loop(lambda x: np.sin(x) * np.float32(1.1), x, 20))

    value, bar = tapead.value_and_grad(f(tapead.checkpointed_loop))(x)
    wanted, expected = tapead.value_and_grad(f(plain_loop))(x)
    assert bar.dtype == np.float32
    assert value == wanted
    np.testing.assert_array_equal(bar, expected)


@pytest.mark.parametrize("n_steps", [0, 1, 2])
def test_few_steps(n_steps):
    def f(loop):
        return lambda x, a: loop(lambda s, a: [a * s[0] ** 2], [x], n_steps, args=(a,))[0] * x

    found = tapead.value_and_grad(f(tapead.checkpointed_loop), (0, 1))(1.5, 0.5)
    expected = tapead.value_and_grad(f(plain_loop), (0, 1))(1.5, 0.5)
    assert found == expected


@pytest.mark.parametrize("transform", ["grad", "hvp"])
def test_static_leaves_may_change(transform):
    weights = np.linspace(1.0, 2.0, 12)

    def step(state, a):
        i, x = state
        assert type(i) is int
        return i + 1, x + a * weights[i] * tapead.sin(x)

    def f(loop):
        def last(x, a):
            i, x = loop(step, (0, x), 12, args=(a,))
            assert i == 12
            return x

        return last

    found, expected = (
        TRANSFORMS[transform](f(loop), (0.4, 0.2))
        for loop in (tapead.checkpointed_loop, plain_loop)
    )
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-13)


def test_without_tracing_it_is_the_loop():
    found = tapead.checkpointed_loop(lorenz, STATE, 60, args=(P,))
    assert found == pytest.approx(plain_loop(lorenz, STATE, 60, (P,)), rel=1e-9)
    assert all(type(x) is float for x in found)
    field = tapead.checkpointed_loop(heat, np.ones(400), 3, args=(0.1,))
    np.testing.assert_array_equal(field, plain_loop(heat, np.ones(400), 3, (0.1,)))


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_branches_of_a_step(n):
    def step(x, a):
        total = np.sum(x)
        return a * x if total < n else x / (1.0 + a) + 0.01 * x**2

    def f(loop):
        return lambda x, a: np.sum(loop(step, x, 50, args=(a,)) ** 2)

    xs = np.full(n, 0.3), 1.7
    found = tapead.grad(f(functools.partial(tapead.checkpointed_loop, checkpoints=5)), (0, 1))(*xs)
    expected = tapead.grad(f(plain_loop), (0, 1))(*xs)
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-10)


def test_steps_with_a_way_of_their_own_each_run_in_python():
    def step(x):
        return x + 0.5 + 0.01 * tapead.sin(x) * math.floor(x)

    def f(loop):
        return lambda x: loop(step, x, 1000)

    assert tapead.grad(f(tapead.checkpointed_loop))(0.1) == pytest.approx(
        tapead.grad(f(plain_loop))(0.1), rel=1e-9
    )


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
@pytest.mark.parametrize("transform", ["grad", "jvp", "hvp"])
def test_number_of_steps_need_not_be_known(n, transform):
    def halved(x, a):
        return x * a

    def f(loop):
        return lambda x, a: np.sum(loop(halved, x, a) ** 3)

    def known(step, x, a):
        while not np.sum(tapead.stop_gradient(x)) < 1e-3 * n:
            x = step(x, a)
        return x

    def unknown(step, x, a):
        until = lambda x, a: np.sum(x) < 1e-3 * n  # noqa: E731
        return tapead.checkpointed_loop(step, x, args=(a,), until=until, checkpoints=4)

    xs = np.full(n, 2.0), 0.9
    found, expected = (TRANSFORMS[transform](f(loop), xs) for loop in (unknown, known))
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-10)


def test_until_holds_at_once_or_never():
    def f(x, **options):
        return tapead.checkpointed_loop(lambda x: 2.0 * x, x, **options)

    assert tapead.value_and_grad(lambda x: f(x, until=lambda x: x > 0.0))(3.0) == (3.0, 1.0)
    assert tapead.grad(lambda x: f(x, n_steps=5, until=lambda x: x < 0.0))(3.0) == 32.0


def test_pullback_may_be_called_again():
    def f(x):
        return tapead.checkpointed_loop(lambda x: np.cumsum(np.sin(x)), x, 30, checkpoints=3)

    _, pullback = tapead.vjp(f, X)
    first, second = pullback(np.ones(5))[0], pullback(np.ones(5))[0]
    np.testing.assert_array_equal(first, second)
    expected = tapead.jacobian(lambda x: plain_loop(lambda x: np.cumsum(np.sin(x)), x, 30))(X)
    np.testing.assert_allclose(tapead.jacobian(f)(X), expected, rtol=1e-11)


def test_vmap():
    f = of_lorenz(functools.partial(tapead.checkpointed_loop, checkpoints=4))
    found = tapead.vmap(tapead.grad(lambda x, y: f((x, y, 20.0), P), (0, 1)))(X, X[::-1].copy())
    expected = [
        tapead.grad(lambda x, y: of_lorenz(plain_loop)((x, y, 20.0), P), (0, 1))(x, y)
        for x, y in zip(X, X[::-1], strict=True)
    ]
    np.testing.assert_allclose(np.stack(found, axis=-1), expected, rtol=1e-9)


def test_it_is_recorded_in_a_program_of_arrays():
    def f(x, a):
        return np.sum(tapead.checkpointed_loop(heat, x, 20, args=(a,), checkpoints=3) ** 2)

    program = tapead.record(f, X, 0.1, arrays=True)
    compiled = tapead.compile(f)
    for x, a in ((X, 0.1), (2.0 * X, 0.2), (X, 0.3)):
        expected = tapead.grad(lambda x, a: np.sum(plain_loop(heat, x, 20, (a,)) ** 2), (0, 1))(
            x, a
        )
        for g in (program.grad(x, a, argnums=(0, 1)), tapead.grad(compiled, (0, 1))(x, a)):
            np.testing.assert_allclose(flat(g), flat(expected), rtol=1e-12)


def test_two_sweeps_of_one_program_do_not_mix():
    program = tapead.record(
        lambda x: tapead.checkpointed_loop(np.sin, x, 20, checkpoints=3), X, arrays=True
    )
    _, first = program.vjp(X)
    program.vjp(2.0 * X)
    expected = tapead.vjp(lambda x: plain_loop(np.sin, x, 20), X)[1](np.ones(5))[0]
    np.testing.assert_allclose(first(np.ones(5))[0], expected, rtol=1e-13)


def test_loops_within_loops():
    def inner(x, a, loop):
        return loop(lambda x, a: x + 0.1 * a * tapead.sin(x), x, 7, args=(a,))

    def f(loop):
        return lambda x, a: loop(lambda x, a: inner(x, a, loop) * 0.9, x, 6, args=(a,))

    found = tapead.grad(f(functools.partial(tapead.checkpointed_loop, checkpoints=2)), (0, 1))
    assert found(0.4, 1.2) == pytest.approx(tapead.grad(f(plain_loop), (0, 1))(0.4, 1.2), rel=1e-12)


def test_loops_within_nets():
    class Flow(nn.Module):
        def __init__(self, loop):
            super().__init__()
            self.inner, self.loop = nn.Linear(4, 4, rng=0), loop

        def forward(self, x):
            def step(x, w, b):
                return x + 0.05 * np.tanh(x @ w.T + b)

            return self.loop(step, x, 12, args=(self.inner.weight, self.inner.bias))

    def losses(make, loop):
        net = nn.Sequential(Flow(loop), nn.Linear(4, 3, rng=1))
        step = make(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1))
        return [float(step(points, labels)) for _ in range(4)]

    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(20, 4)).astype(np.float32), rng.integers(0, 3, 20)
    expected = losses(nn.eager_step, plain_loop)
    for make in (nn.eager_step, nn.compile_step):
        assert losses(make, tapead.checkpointed_loop) == pytest.approx(expected, rel=1e-5)


def test_constants_are_seen_as_they_were():
    constant = np.ones(5)

    def f(x):
        y = tapead.checkpointed_loop(lambda x, c: x * c, x, 3, args=(constant,))
        constant[:] = 7.0
        return np.sum(y)

    assert tapead.grad(f)(X).tolist() == [1.0] * 5


def test_loops_in_threads():
    f = of_lorenz(functools.partial(tapead.checkpointed_loop, checkpoints=4))
    expected, found = tapead.grad(f)(STATE, P), []
    threads = [
        threading.Thread(target=lambda: found.append(tapead.grad(f)(STATE, P))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4
