"""Programs of arrays replay what the function computes, and its derivatives."""

import numpy as np
import pytest

import tapead


def rosenbrock(x):
    """By slices."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def writes(x):
    """Views, and writes to them."""
    z = x * 1.0
    z[1:3] = x[2:4] * 2.0
    z[0] = z[1] * z[2]
    w = z[2:]
    w *= x[0]
    return np.sum(z * z)


def overwritten(x):
    """A window onto what is written to later."""
    z = x * 1.0
    before = z[1:4] * 2.0
    z[2] = 5.0 * x[0]
    return np.sum(before * z[1:4])


def filled(x):
    """Element after element, each from the one before."""
    z = x * 0.0
    z[0] = x[0]
    for i in range(1, len(x)):
        z[i] = np.sin(z[i - 1]) * x[i]
    return np.sum(z)


def logsumexp(x):
    """Shifted by the largest."""
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


def layers(x):
    """Two layers of a network, biases broadcast."""
    a = np.reshape(x[:12], (4, 3))
    h = np.maximum(np.cos(np.arange(20.0).reshape(5, 4)) @ a + x[12:15], 0.0)
    m = np.max(h, axis=1, keepdims=True)
    return np.sum(m[:, 0] + np.log(np.sum(np.exp(h - m), axis=1)))


FUNCTIONS = {
    "squares": lambda x: np.sum(x * x),
    "rosenbrock": rosenbrock,
    "chain": lambda x: np.sum(np.tanh(np.tanh(x) * np.sin(x))),
    "where": lambda x: np.sum(np.where(x > 1.0, x * x, np.exp(x))),
    "relu": lambda x: np.sum(np.maximum(x - 1.0, 0.0) * x),
    "clip": lambda x: np.sum(np.minimum(np.maximum(x, 0.7), 1.4) * x),
    "max": lambda x: np.max(x) * np.sum(x),
    "masked": lambda x: np.sum(x[x > 1.0] ** 2),
    "gathered": lambda x: np.sum(x[[0, 2, 2, 5]] ** 2),
    "sorted": lambda x: np.sum(np.sort(x)[:3] * x[:3]),
    "writes": writes,
    "overwritten": overwritten,
    "filled": filled,
    "logsumexp": logsumexp,
    "layers": layers,
    "reversed": lambda x: np.sum(x[::-1] * x**2),
    "mixed": lambda x: x[0] * x[1] + np.sum(x) * x[3],
    "stacked": lambda x: np.sum(np.array([x[0] * x[1], x[2]], like=x) ** 2),
    "matrix": lambda x: np.sum((np.reshape(x[:9], (3, 3)).T @ x[:3]) ** 2),
    "solved": lambda x: np.sum(np.linalg.solve(np.diag(x) + 1.0, x)),
    "cumulated": lambda x: np.sum(np.cumsum(x) * x),
    "mean": lambda x: np.mean(np.reshape(x[:12], (3, 4)), axis=0) @ x[:4],
}
POINTS = [np.linspace(0.3, 2.0, 15) + shift for shift in (0.0, 0.05, -0.11)]


@pytest.fixture(params=FUNCTIONS, scope="module")
def pair(request):
    """A function and its program, recorded at the first point."""
    f = FUNCTIONS[request.param]
    return f, tapead.record(f, POINTS[0], arrays=True, on_branch="record")


@pytest.mark.parametrize("x", POINTS, ids=range(3))
def test_value(pair, x):
    f, program = pair
    np.testing.assert_allclose(program(x), f(x), rtol=1e-13)


@pytest.mark.parametrize("x", POINTS, ids=range(3))
def test_value_and_grad(pair, x):
    f, program = pair
    y, gradient = program.value_and_grad(x)
    np.testing.assert_allclose(y, f(x), rtol=1e-13)
    np.testing.assert_allclose(gradient, tapead.grad(f)(x), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("x", POINTS, ids=range(3))
def test_jvp(pair, x):
    f, program = pair
    direction = np.cos(np.arange(15.0))
    _, dot = program.jvp((x,), (direction,))
    np.testing.assert_allclose(dot, tapead.grad(f)(x) @ direction, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("x", POINTS[:2], ids=range(2))
def test_hvp(pair, x):
    f, program = pair
    direction = np.cos(np.arange(15.0))
    (product,) = program.hvp((x,), (direction,))
    (expected,) = tapead.hvp(f, (x,), (direction,))
    np.testing.assert_allclose(product, expected, rtol=1e-10, atol=1e-10)


def test_hessian_is_that_of_the_function():
    program = tapead.record(rosenbrock, POINTS[0], arrays=True)
    expected = tapead.hessian(rosenbrock)(POINTS[1])
    np.testing.assert_allclose(program.hessian(POINTS[1]), expected, rtol=1e-12)


def test_jacobian_of_an_array():
    def f(x):
        return x[1:] * np.sin(x[:-1])

    program = tapead.record(f, POINTS[0], arrays=True)
    np.testing.assert_allclose(program(POINTS[1]), f(POINTS[1]), rtol=1e-14)
    expected = tapead.jacobian(f)(POINTS[1])
    np.testing.assert_allclose(program.jacobian(POINTS[1]), expected, rtol=1e-12)


def test_vjp_replays_its_pullback():
    program = tapead.record(lambda x: x * x, POINTS[0], arrays=True)
    y, pullback = program.vjp(POINTS[1])
    np.testing.assert_allclose(y, POINTS[1] ** 2)
    np.testing.assert_allclose(pullback(np.ones(15))[0], 2 * POINTS[1])
    recorded = program.stats()["recorded"]
    pullback(np.zeros(15))
    assert program.stats()["recorded"] == recorded


def test_single_precision_is_kept():
    program = tapead.record(lambda x: np.tanh(x) * x, POINTS[0].astype(np.float32), arrays=True)
    x = POINTS[1].astype(np.float32)
    assert program(x).dtype == np.float32
    np.testing.assert_allclose(program(x), np.tanh(x) * x, rtol=1e-6)
    (bar,) = program.vjp(x)[1](np.ones(15, np.float32))
    assert bar.dtype == np.float32


def test_selections_are_right_on_both_sides_without_another_recording():
    program = tapead.record(lambda x: np.sum(np.where(x > 1.0, x, -x)), POINTS[0], arrays=True)
    x = POINTS[0][::-1].copy()
    np.testing.assert_allclose(program.grad(x), np.where(x > 1.0, 1.0, -1.0))
    np.testing.assert_allclose(program.grad(-x), -np.ones(15))
    assert program.stats()["recorded"] == 2  # value and gradient


def test_no_nan_comes_from_the_branch_not_taken():
    program = tapead.record(
        lambda x: np.sum(np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)), POINTS[0], arrays=True
    )
    x = POINTS[0] * 1.0
    x[3] = 0.0
    gradient = program.grad(x)
    assert gradient[3] == 0.0
    assert np.isfinite(gradient).all()


def test_ties_of_a_maximum_share_in_a_replay():
    program = tapead.record(np.max, POINTS[0], arrays=True)
    x = np.zeros(15)
    x[[2, 7]] = 3.0
    expected = np.zeros(15)
    expected[[2, 7]] = 0.5
    np.testing.assert_array_equal(program.grad(x), expected)


def test_empty_arrays():
    program = tapead.record(lambda x: np.sum(x * x), np.zeros((0, 3)), arrays=True)
    assert program(np.zeros((0, 3))) == 0.0
    assert program.grad(np.zeros((0, 3))).shape == (0, 3)


def test_stencil_and_its_adjoint_are_one_loop():
    program = tapead.record(rosenbrock, np.linspace(0.0, 1.0, 1000))
    x = np.cos(np.arange(1000.0))
    y, gradient = program.value_and_grad(x)
    np.testing.assert_allclose(y, rosenbrock(x), rtol=1e-13)
    np.testing.assert_allclose(gradient, tapead.grad(rosenbrock)(x), rtol=1e-12, atol=1e-10)
    loops = [line for line in program.to_text().splitlines() if "998 elements" in line]
    assert len(loops) == 1


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)], ids=repr)
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_over_axes(axis, keepdims):
    def f(x):
        a = np.reshape(x[:12], (2, 2, 3))
        return np.sum(tapead.logsumexp(a, axis=axis, keepdims=keepdims) ** 2)

    program = tapead.record(f, POINTS[0], arrays=True)
    np.testing.assert_allclose(program.grad(POINTS[1]), tapead.grad(f)(POINTS[1]), rtol=1e-12)


@pytest.mark.parametrize("x", [[-np.inf, -np.inf], [np.inf, 1.0], [0.0, -40.0], [np.nan, 1.0]])
def test_logsumexp_where_it_is_delicate(x):
    program = tapead.record(tapead.logsumexp, np.ones(2), arrays=True)
    expected = tapead.value_and_grad(tapead.logsumexp)(np.array(x))
    found = program.value_and_grad(np.array(x))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-14)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-14)


def test_extrema_of_single_precision_find_where_they_are():
    def f(x, b):
        h = x + b
        return np.sum(np.max(h, axis=1, keepdims=True) * h)

    rng = np.random.default_rng(0)
    x, b = rng.normal(size=(20, 20)).astype(np.float32), rng.normal(size=20).astype(np.float32)
    program = tapead.record(f, x, b, arrays=True)
    np.testing.assert_allclose(
        program.grad(x + b, b), tapead.grad(f)(x + b, b), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("function", [tapead.logsumexp, tapead.log_softmax])
def test_largest_terms_of_single_precision_are_found(function):
    """What is computed again is not rounded: the largest term would be one among the others."""

    def f(x, b):
        return function(x + b, axis=1)

    rng = np.random.default_rng(0)
    x, b = (rng.normal(size=n).astype(np.float32) for n in ((64, 10), 10))
    found, wanted = tapead.record(f, x, b, arrays=True)(20 * x, b), f(20 * x, b)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("axis", [None, 0, (0, 2)], ids=repr)
def test_log_softmax_over_axes(axis):
    def f(x):
        return np.sum(tapead.log_softmax(np.reshape(x[:12], (2, 2, 3)), axis=axis) ** 2)

    program = tapead.record(f, POINTS[0], arrays=True)
    np.testing.assert_allclose(program.grad(POINTS[1]), tapead.grad(f)(POINTS[1]), rtol=1e-12)
    assert "log_softmax" not in program.to_text()


@pytest.mark.parametrize("x", [[1000.0, -1000.0], [-np.inf, 0.0], [1e-20, -50.0], [np.nan, 1.0]])
def test_log_softmax_where_it_is_delicate(x):
    program = tapead.record(tapead.log_softmax, np.ones(2), arrays=True)
    np.testing.assert_allclose(program(np.array(x)), tapead.log_softmax(np.array(x)), rtol=1e-14)


@pytest.mark.parametrize("twice", [False, True])
def test_adjoints_of_transposed_and_reshaped_arrays_need_no_zeros(twice):
    def f(w, v, x):
        h = x @ w.T @ np.reshape(v, (4, 2))
        return np.sum(h**2) + (np.sum(np.sin(w)) + np.sum(x @ w.T) if twice else 0.0)

    rng = np.random.default_rng(1)
    args = [rng.normal(size=shape) for shape in ((4, 3), 8, (5, 3))]
    gradient = tapead.value_and_grad(f, argnums=(0, 1))
    program = tapead.record(gradient, *args, arrays=True)
    args = [x + 1.0 for x in args]
    for found, wanted in zip(program(*args)[1], gradient(*args)[1], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    if not twice:
        lines = program.to_text().splitlines()
        assert len(lines) == 9  # a head, five products, two loops, the reshaped as a result


def test_gradient_is_a_program_whose_gradient_is_one():
    program = tapead.record(lambda x: np.sum(x**3), POINTS[0], arrays=True).gradient()
    np.testing.assert_allclose(program(POINTS[1]), 3 * POINTS[1] ** 2)
    pullback = program.pullback()
    (bar,) = pullback((POINTS[1],), np.ones(15))
    np.testing.assert_allclose(bar, 6 * POINTS[1])
    _, dot = program.pushforward()((POINTS[1],), (np.ones(15),))
    np.testing.assert_allclose(dot, 6 * POINTS[1])
