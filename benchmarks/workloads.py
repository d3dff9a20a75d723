"""The scalar workloads: plain Python loops, their inputs, and a second source of each gradient.

Every workload is a function ``f(xs, m)`` of a list of scalars and a namespace of functions, so
that the same lines run on floats and under every system. A second source shares no code with
any of the systems; answers are compared with it before they are timed.
"""

import cmath
import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import rosen_der


class Workload(NamedTuple):
    f: Callable  # f(xs, m) -> scalar
    xs: list  # the point, floats
    gradient: Callable  # gradient(xs) -> array-like, the second source
    bound: float  # what tapead holds itself to: gradient time over plain time, recorded each call
    replay_bound: float  # the same, recorded once
    floor: float | None = None  # a recorder of 60 lines without checks; NumPy by hand for arrays
    replay_floor: float | None = None  # adjoints written by hand and compiled; the same for arrays


def three_operations(xs, m):
    """Evaluate ln x1 + x1 x2 - sin x2, the standard example [1]_.

    .. [1] A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, Automatic
       differentiation in machine learning: a survey, JMLR 18 (2018), table 2.
    """
    x1, x2 = xs
    return m.log(x1) + x1 * x2 - m.sin(x2)


def three_operations_gradient(xs):
    x1, x2 = xs
    return 1 / x1 + x2, x1 - math.cos(x2)


def rosenbrock(xs, m):
    total = 0.0
    for i in range(len(xs) - 1):
        total = total + 100.0 * (xs[i + 1] - xs[i] * xs[i]) ** 2 + (1.0 - xs[i]) ** 2
    return total


def rosenbrock_gradient(xs):
    return rosen_der(np.array(xs))


def speelpenning(xs, m):
    """Evaluate the product of all inputs, one after the other."""
    product = xs[0]
    for i in range(1, len(xs)):
        product = product * xs[i]
    return product


def speelpenning_gradient(xs):
    below = np.cumprod([1.0, *xs[:-1]])
    above = np.cumprod([1.0, *xs[:0:-1]])[::-1]
    return below * above


def lotka_volterra(xs, m, n_steps=1000, h=0.01):
    """Integrate prey u and predators v by the classical Runge-Kutta method; return u + v."""
    birth, bite, death, growth, u, v = xs
    for _ in range(n_steps):
        du1 = u * (birth - bite * v)
        dv1 = v * (growth * u - death)
        u1 = u + (0.5 * h) * du1
        v1 = v + (0.5 * h) * dv1
        du2 = u1 * (birth - bite * v1)
        dv2 = v1 * (growth * u1 - death)
        u2 = u + (0.5 * h) * du2
        v2 = v + (0.5 * h) * dv2
        du3 = u2 * (birth - bite * v2)
        dv3 = v2 * (growth * u2 - death)
        u3 = u + h * du3
        v3 = v + h * dv3
        du4 = u3 * (birth - bite * v3)
        dv4 = v3 * (growth * u3 - death)
        u = u + (h / 6.0) * (du1 + 2.0 * (du2 + du3) + du4)
        v = v + (h / 6.0) * (dv1 + 2.0 * (dv2 + dv3) + dv4)
    return u + v


def complex_step(f, xs, h=1e-30):
    """Differentiate an analytic f to rounding error: im f(x + ih) / h has no cancellation [1]_.

    .. [1] W. Squire and G. Trapp, Using complex variables to estimate derivatives of real
       functions, SIAM Review 40 (1998).
    """

    def along(i):
        return f([complex(x, h * (i == j)) for j, x in enumerate(xs)], cmath).imag / h

    return [along(i) for i in range(len(xs))]


def asian_option(xs, m, normals, strike=100.0):
    """Price a call on the arithmetic mean of paths of geometric Brownian motion."""
    spot, volatility, rate, expiry = xs
    n_steps = float(len(normals[0]))
    dt = expiry / n_steps
    drift = (rate - 0.5 * volatility * volatility) * dt
    spread = volatility * m.sqrt(dt)
    total = 0.0
    for path in normals:
        price = spot
        area = 0.0
        for z in path:
            price = price * m.exp(drift + spread * z)
            area = area + price
        total = total + m.relu(area / n_steps - strike)
    return m.exp(-rate * expiry) * (total / float(len(normals)))


def asian_option_gradient(xs, normals, strike=100.0):
    """Differentiate the paths spot * exp(k drift + spread * (z_1 + ... + z_k)) in closed form."""
    spot, volatility, rate, expiry = xs
    n_paths, n_steps = np.shape(normals)
    dt = expiry / n_steps
    k = np.arange(1, n_steps + 1)
    walk = np.cumsum(normals, axis=1)
    drift = rate - 0.5 * volatility**2
    prices = spot * np.exp(drift * dt * k + volatility * math.sqrt(dt) * walk)
    payoff = prices.mean(axis=1) - strike
    weights = prices * (payoff > 0)[:, None] * math.exp(-rate * expiry) / (n_paths * n_steps)
    value = math.exp(-rate * expiry) * np.maximum(payoff, 0).mean()
    by_drift = np.sum(weights * dt * k)
    by_spread = np.sum(weights * math.sqrt(dt) * walk)
    return (
        np.sum(weights) / spot,
        by_spread - volatility * by_drift,
        by_drift - expiry * value,
        (drift * by_drift + 0.5 * volatility * by_spread) / expiry - rate * value,
    )


def broyden_tridiagonal(xs, m):
    """Evaluate n equations, each of an unknown and its two neighbours."""
    below = [0.0, *xs[:-1]]
    above = [*xs[1:], 0.0]
    return [
        (3.0 - 2.0 * x) * x + 1.0 - b - 2.0 * a for b, x, a in zip(below, xs, above, strict=False)
    ]


def broyden_tridiagonal_jacobian(xs):
    n = len(xs)
    return np.diag(3 - 4 * np.array(xs)) - np.eye(n, k=-1) - 2 * np.eye(n, k=1)


LAYERS = (2, 16, 16, 1)


def mlp(xs, m, points, labels):
    """Evaluate the hinge loss, with weight decay, of a relu network built from scalars.

    The parameters stand neuron by neuron: its weights, then its bias.
    """
    parameters = iter(xs)
    layers = [
        [(list(itertools.islice(parameters, n_in)), next(parameters)) for _ in range(n_out)]
        for n_in, n_out in itertools.pairwise(LAYERS)
    ]
    loss = 0.0
    for point, label in zip(points, labels, strict=False):
        inputs = point
        for layer in layers:
            outputs = []
            for weights, bias in layer:
                total = bias
                for w, x in zip(weights, inputs, strict=False):
                    total = total + w * x
                outputs.append(total if layer is layers[-1] else m.relu(total))
            inputs = outputs
        loss = loss + m.relu(1.0 - label * inputs[0])
    decay = 0.0
    for x in xs:
        decay = decay + x * x
    return loss * (1.0 / len(points)) + 1e-4 * decay


def mlp_gradient(xs, points, labels):
    """Propagate by matrices, one row of [weights, bias] a neuron."""
    sizes = list(itertools.pairwise(LAYERS))
    ends = np.cumsum([(n_in + 1) * n_out for n_in, n_out in sizes])
    blocks = np.split(np.array(xs), ends[:-1])
    layers = [block.reshape(n_out, -1) for block, (_, n_out) in zip(blocks, sizes, strict=False)]
    inputs = [_with_ones(points)]
    for layer in layers[:-1]:
        inputs.append(_with_ones(np.maximum(inputs[-1] @ layer.T, 0)))
    labels = np.array(labels)[:, None]
    margins = 1 - labels * (inputs[-1] @ layers[-1].T)
    adjoint = -labels * (margins > 0) / len(points)
    gradients = []
    for layer, h in zip(reversed(layers), reversed(inputs), strict=False):
        gradients.insert(0, adjoint.T @ h)
        adjoint = (adjoint @ layer * (h > 0))[:, :-1]
    return np.concatenate([g.ravel() for g in gradients]) + 2e-4 * np.array(xs)


def _with_ones(rows):
    return np.column_stack([rows, np.ones(len(rows))])


def two_moons(n_points=100):
    """Return points of two interleaved half circles with noise, and labels -1 and 1."""
    angles = np.linspace(0, np.pi, n_points // 2)
    upper = np.column_stack([np.cos(angles), np.sin(angles)])
    lower = np.column_stack([1 - np.cos(angles), 0.5 - np.sin(angles)])
    noise = 0.1 * np.random.default_rng(1337).standard_normal((n_points, 2))
    return np.vstack([upper, lower]) + noise, np.repeat([-1.0, 1.0], n_points // 2)


def rosenbrock_point(n):
    return np.random.default_rng(0).uniform(-1.5, 1.5, n).tolist()


def _workloads():
    near_one = 1 + 0.01 * np.random.default_rng(2).standard_normal(1000)
    normals = np.random.default_rng(1).standard_normal((100, 252)).tolist()
    moons = dict(zip(("points", "labels"), (a.tolist() for a in two_moons()), strict=False))
    parameters = np.random.default_rng(3).uniform(-1, 1, 337)
    rosenbrocks = {
        f"rosenbrock-{n}": Workload(rosenbrock, rosenbrock_point(n), rosenbrock_gradient, *bounds)
        for n, *bounds in (
            (10, 2.6, 0.3, None, 0.20),
            (1000, 2.0, 0.12, 1.4, 0.01),
            (10_000, 2.1, 0.13, 1.6, 0.01),
        )
    }
    return {
        "three-operations": Workload(
            three_operations, [2.0, 5.0], three_operations_gradient, 5.0, 2.0, None, 1.8
        ),
        **rosenbrocks,
        "speelpenning-1000": Workload(
            speelpenning, near_one.tolist(), speelpenning_gradient, 2.8, 0.25, 2.3, 0.11
        ),
        "lotka-volterra": Workload(
            lotka_volterra,
            [1.1, 0.4, 0.4, 0.1, 10.0, 5.0],
            partial(complex_step, lotka_volterra),
            *(2.5, 0.30, 2.2, 0.09),
        ),
        "asian-option": Workload(
            partial(asian_option, normals=normals),
            [100.0, 0.2, 0.05, 1.0],
            partial(asian_option_gradient, normals=normals),
            *(2.1, 0.35, 1.8, 0.09),
        ),
        "mlp-2-16-16-1": Workload(
            partial(mlp, **moons),
            parameters.tolist(),
            partial(mlp_gradient, **moons),
            *(1.6, 0.12, 1.3, 0.01),
        ),
    }


WORKLOADS = _workloads()
