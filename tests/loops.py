"""Loops that are differentiated, by checkpointed_loop or by a plain loop in its place."""

import numpy as np

import tapead
from tapead._containers import leaves


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in leaves(tree)]).astype(float)


def plain_loop(step, state, n_steps, args=(), **options):
    for _ in range(n_steps):
        state = step(state, *args)
    return state


def lorenz(state, p):
    x, y, z = state
    return (
        x + 0.01 * p["s"] * (y - x),
        y + 0.01 * (x * (p["r"] - z) - y),
        z + 0.01 * (x * y - p["b"] * z),
    )


def of_lorenz(loop, **options):
    def f(state, p):
        x, y, z = loop(lorenz, state, 60, args=(p,), **options)
        return x * y + tapead.sin(z)

    return f


STATE, P = (1.0, -0.5, 20.0), {"s": 10.0, "r": 28.0, "b": 8.0 / 3.0}


def heat(u, k):
    """A step of a field, an operation on arrays."""
    return u + k * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1)) + 0.01 * np.tanh(u)


def of_heat(loop, n=300, **options):
    start = np.sin(np.linspace(0.0, 6.0, n))

    def f(scale, k):
        return np.sum(loop(heat, scale * start, 40, args=(k,), **options) ** 2)

    return f
