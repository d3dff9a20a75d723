"""Programs of arrays against the eager engine, on functions drawn at random."""

import numpy as np
import pytest

import tapead


def halves(u, v):
    """Joined from two."""
    return np.concatenate([u[: len(u) // 2], v[len(u) // 2 :]])


def stretch(u, v):
    """A stretch overwritten."""
    r = u * 1.0
    r[1:3] = v[1:3] * 2.0
    return r


def element(u, v):
    """An element overwritten."""
    r = u * 1.0
    r[-2] = v[1] * 1.5
    return r


def strided(u, v):
    """Every other element, through a view."""
    r = u * 1.0
    w = r[::2]
    w += v[::2]
    return r


def shifted(u, v):
    """Itself one further, over itself."""
    r = u * 1.0
    r[1:] = r[:-1] * 0.5 + v[1:]
    return r


def parted(u, v):
    """One half added to, the other multiplied."""
    r = u * 0.3
    r[2:] += v[2:]
    r[:2] *= v[:2]
    return r


def columns(u):
    """Two rows."""
    return np.reshape(u, (2, -1))


STEPS = (
    halves, stretch, element, strided, shifted, parted,
    lambda u, v: u * v,
    lambda u, v: u + 0.5 * v,
    lambda u, v: np.tanh(u),
    lambda u, v: np.where(u > v, u, v * 0.5),
    lambda u, v: np.maximum(u, 0.1),
    lambda u, v: u[::-1] * v,
    lambda u, v: u * np.sum(v),
    lambda u, v: u - np.max(v),
    lambda u, v: u * 0.1 + np.sum(u[1:] * v[:-1]) * 0.01,
    lambda u, v: u[np.arange(len(u)) * 3 % len(u)],
    lambda u, v: np.cumsum(u) * 0.1,
    lambda u, v: np.ravel(columns(u) - np.mean(columns(u), axis=0)),
    lambda u, v: np.ravel(columns(u) * np.max(columns(u), axis=1, keepdims=True)),
    lambda u, v: np.exp(-u * u) - np.abs(v),
    lambda u, v: u / (1.0 + v * v),
)  # fmt: skip


def drawn(rng):
    """A function of an array, of up to 14 steps."""
    steps = [
        (STEPS[rng.integers(len(STEPS))], *rng.integers(0, 1000, 2))
        for _ in range(rng.integers(2, 14))
    ]

    def f(x):
        values = [x, np.sin(x)]
        for step, i, j in steps:
            values.append(np.tanh(step(values[i % len(values)], values[j % len(values)])))
        return np.sum(values[-1] * values[-2]) + np.sum(values[-3])

    return f


@pytest.mark.parametrize("seed", range(60))
def test_program_of_a_random_function(seed):
    rng = np.random.default_rng(seed)
    single = seed % 7 == 0
    tolerance = 5e-3 if single else 1e-8  # float32 rounds at every step
    n = int(rng.choice([4, 6, 8, 12, 40, 300]))
    f = drawn(rng)
    x = rng.normal(size=n).astype(np.float32 if single else np.float64)
    program = tapead.record(f, x, arrays=True, on_branch="record")
    for scale in (0.0, 0.3, 0.6):
        z = (x + scale * rng.normal(size=n)).astype(x.dtype)
        direction = rng.normal(size=n).astype(x.dtype)
        pairs = [
            (program(z), f(z)),
            (program.grad(z), tapead.grad(f)(z)),
            (program.jvp((z,), (direction,))[1], tapead.jvp(f, (z,), (direction,))[1]),
        ]
        if not single:
            product = program.hvp((z,), (direction,))[0]
            pairs.append((product, tapead.hvp(f, (z,), (direction,))[0]))
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
