"""Programs of arrays in float32, absent elements in another precision, small arrays."""

import numpy as np
import pytest

import tapead

X = np.array([0.3, -1.0, 0.8, 0.2, -0.4, 0.5])
DIRECTION = np.array([1.0, -0.5, 0.2, 0.7, 0.1, -0.3])
EVEN = np.arange(6) % 2 == 0


def taken_constant(x):
    """A constant where the condition does not hold."""
    return np.sum(np.where(np.arange(6) % 3 == 0, x, 0.3) ** 2)


def times_largest(x):
    return np.sum(np.tanh(x) * np.max(np.sin(x)))


def centred_twice(x):
    y = np.tanh(x - np.mean(x))
    return np.sum(np.tanh(y - np.max(y)))


def widened(x):
    return np.sum(np.where(EVEN, x * x, 1.0).astype(np.float64) * np.sin(x))


def narrowed(x):
    return np.sum(np.where(EVEN, np.sqrt(np.abs(x)), 0.0).astype(np.float32) * np.float32(2.0))


def overwritten(x):
    """Multiplied in place, then overwritten."""
    r = x * 1.0
    r *= np.sin(x)
    r[:4] = 0.5
    return np.sum(np.sin(x) * r)


def empty_write(x):
    r = np.zeros_like(x)
    r[:0] = x[:0] * x[:0]
    r += x
    r[:] = 0.5
    return np.sum(np.sin(x) * r)


CASES = (
    taken_constant, times_largest, centred_twice, widened, narrowed, overwritten, empty_write,
)  # fmt: skip


def by_differences(f, x, d, h=1e-5):
    """Hessian times a vector."""
    gradient = tapead.grad(f)
    return (gradient(x + h * d) - gradient(x - h * d)) / (2.0 * h)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_eager_hvp_is_that_of_differences(f):
    found = tapead.hvp(f, (X,), (DIRECTION,))[0]
    tolerance = 1e-3 if f is narrowed else 1e-8  # float32 within
    np.testing.assert_allclose(found, by_differences(f, X, DIRECTION), atol=tolerance)


@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_replay_is_eager(f, dtype):
    x, d = X.astype(dtype), DIRECTION.astype(dtype)
    tolerance = 1e-9 if dtype == np.float64 and f is not narrowed else 2e-6
    program = tapead.record(f, x, arrays=True)
    np.testing.assert_allclose(program(x), f(x), rtol=tolerance)
    np.testing.assert_allclose(program.grad(x), tapead.grad(f)(x), atol=tolerance)
    np.testing.assert_allclose(
        program.jvp((x,), (d,))[1], tapead.jvp(f, (x,), (d,))[1], atol=tolerance)  # fmt: skip
    np.testing.assert_allclose(
        program.hvp((x,), (d,))[0], tapead.hvp(f, (x,), (d,))[0], atol=2.0 * tolerance)  # fmt: skip


def test_absent_tangents_are_cast():
    """0 where there is no path, in either precision."""
    v, v_dot = tapead.jvp(
        lambda x: np.where(EVEN, np.sqrt(x), 0.0).astype(np.float32), (X,), (np.ones(6),)
    )
    assert v.dtype == v_dot.dtype == np.float32
    assert (v_dot[1::2] == 0.0).all()


def test_hvp_of_a_function_without_curvature_is_recorded():
    def f(x):
        return np.sum(x) * tapead.stop_gradient(np.sum(x * x))

    program = tapead.record(f, X, arrays=True)
    assert (program.hvp((X,), (DIRECTION,))[0] == 0.0).all()


def test_small_float32_arrays_are_computed_in_float32():
    """Where a comparison sees the rounding, a replay takes the same side."""

    def f(x):
        return np.sum(np.where(x * np.float32(3.0) == np.float32(0.3), x, 2.0 * x))

    x = np.array([0.1, 0.2], dtype=np.float32)
    assert (tapead.grad(tapead.compile(f))(x) == tapead.grad(f)(x)).all()
    assert (tapead.record(f, x, arrays=True).grad(x) == tapead.grad(f)(x)).all()


@pytest.mark.parametrize("f", [np.max, np.min, lambda x: np.sum(np.max(np.reshape(x, (2, 2)), 0))])
def test_compiled_ties_are_shared_evenly(f):
    for x in (np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 1.0])):
        assert (tapead.grad(tapead.compile(f))(x) == tapead.grad(f)(x)).all()


def test_ties_in_float32_are_those_of_rounded_numbers():
    """The two differ by less than float32 holds."""

    def f(x):
        return np.sum(np.maximum(x * np.float32(1.1), x + x * np.float32(0.1)) * x)

    x = np.linspace(0.1, 2.0, 400).astype(np.float32)
    program = tapead.record(f, x)
    np.testing.assert_allclose(program.grad(x), tapead.grad(f)(x), rtol=1e-6)


def test_gradient_of_a_norm_is_recorded_once():
    compiled = tapead.compile(np.linalg.norm, arrays=True)
    for scale in (1.0, 2.0, 3.0):
        found = tapead.grad(compiled)(scale * X)
        np.testing.assert_allclose(found, X / np.linalg.norm(X), rtol=1e-12)
    assert compiled.stats()["recorded"] == 1


def looked_at(x):
    """Sorted, so that a program compares all bits with those of the recording."""
    y = x - np.float32(0.5) * x[::-1] - np.float32(0.1)
    return np.sum(np.sort(y - np.max(y)) * x)


def test_what_cancels_in_float32_may_be_looked_at():
    for seed in range(10):
        x = np.random.default_rng(seed).normal(size=40).astype(np.float32)
        program = tapead.record(looked_at, x, arrays=True)
        np.testing.assert_allclose(program(x), looked_at(x), rtol=1e-4, atol=1e-4)


def stacked(x):
    """Numbers made an array, of which the larger or another is taken."""
    y = tapead.stack([x[0] * x[-1], x[1] * x[2]])
    return np.sum(np.maximum(y, x[:2] * 0.3) * x[:2])


@pytest.mark.parametrize("flip", [False, True])
def test_numbers_that_had_no_path_have_one_in_a_replay(flip):
    one, other = np.array([0.5, -0.3, 0.7, -1.0]), np.array([0.5, 0.3, 0.7, 1.0])
    if flip:
        one, other = other, one
    program = tapead.record(stacked, one, arrays=True)
    for x in (one, other):
        np.testing.assert_allclose(program.grad(x), tapead.grad(stacked)(x), rtol=1e-12)
        np.testing.assert_allclose(
            program.hvp((x,), (one,))[0], tapead.hvp(stacked, (x,), (one,))[0], rtol=1e-12
        )
