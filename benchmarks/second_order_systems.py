"""Hessians, their products, sparse Jacobians and many paths: how each system computes them.

An adapter takes a problem and returns a function without arguments that returns the derivative.
Those of tapead, casadi and jax have recorded or compiled there. The others run NumPy code, by
slices, as they are best at. Versions: casadi 3.8.2, torch 2.13, jax 0.10.2, autograd 1.9.1.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import rosen_hess, rosen_hess_prod

from .array_workloads import broyden_slices, rosenbrock_slices
from .casadi_functions import casadi_hessian, casadi_hvp, casadi_paths, casadi_sparse_jacobian
from .systems import namespace
from .workloads import (
    asian_option,
    asian_option_gradient,
    broyden_tridiagonal,
    broyden_tridiagonal_jacobian,
    rosenbrock,
    rosenbrock_point,
)


class Problem(NamedTuple):
    adapters: dict  # system: function of args
    args: tuple
    wanted: object  # wanted() -> a tuple of answers, the second source
    bound: float  # microseconds that tapead holds itself to
    floor: float  # those of adjoints written by hand and compiled
    calls: int = 1  # the bound is that of a call over this


def by_slices(x, m):
    return rosenbrock_slices((x,), m)


def record(f, x):
    import tapead

    return tapead.record(lambda xs: f(xs, tapead), x)


def tapead_hessian(x):
    return partial(record(rosenbrock, x).hessian, x)


def tapead_hvp(x, x_dot):
    return partial(record(rosenbrock, x).hvp, (x,), (x_dot,))


def tapead_sparse_jacobian(x):
    program = record(broyden_tridiagonal, x)
    if not hasattr(program, "sparse_jacobian"):
        raise NotImplementedError("this tapead has full Jacobians only")
    return partial(program.sparse_jacobian, x)


def tapead_paths(xs, normals, threads=1):
    import tapead

    program = tapead.record(lambda xs, z: asian_option(xs, tapead, [z]), list(xs), normals[0])
    options = {"what": "value_and_grad", "reduction": "mean", "threads": threads}
    return partial(program.map, list(xs), normals, in_axes=(None, 0), **options)


def _jax():
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax, jax.numpy


def _compiled(f, *args):
    jax, jnp = _jax()
    step, args = jax.jit(f), tuple(map(jnp.array, args))
    return lambda: jax.block_until_ready(step(*args))


def jax_hessian(x):
    jax, jnp = _jax()
    return _compiled(jax.hessian(lambda x: by_slices(x, jnp)), x)


def jax_hvp(x, x_dot):
    jax, jnp = _jax()
    gradient = jax.grad(lambda x: by_slices(x, jnp))
    return _compiled(lambda x, x_dot: jax.jvp(gradient, (x,), (x_dot,))[1], x, x_dot)


def jax_jacobian(x):
    jax, jnp = _jax()
    return _compiled(jax.jacfwd(lambda x: broyden_slices(x, jnp)), x)


def jax_paths(xs, normals, strike=100.0):
    """Scan over the steps of all paths: 252 of them unrolled take minutes to compile."""
    jax, jnp = _jax()

    def mean_payoff(xs, steps):
        spot, volatility, rate, expiry = xs
        dt = expiry / len(steps)
        drift, spread = (rate - 0.5 * volatility**2) * dt, volatility * jnp.sqrt(dt)

        def step(state, z):
            price = state[0] * jnp.exp(drift + spread * z)
            return (price, state[1] + price), None

        start = jnp.full(steps.shape[1], spot), jnp.zeros(steps.shape[1])
        (_, area), _ = jax.lax.scan(step, start, steps)
        payoff = jnp.maximum(area / len(steps) - strike, 0.0)
        return jnp.exp(-rate * expiry) * jnp.mean(payoff)

    return _compiled(jax.value_and_grad(mean_payoff), xs, np.ascontiguousarray(normals.T))


def _torch():
    import torch

    torch.set_num_threads(1)
    return torch


def torch_hessian(x):
    torch = _torch()
    return partial(torch.func.hessian(lambda x: by_slices(x, torch)), torch.tensor(x))


def torch_hvp(x, x_dot):
    torch = _torch()
    gradient = torch.func.grad(lambda x: by_slices(x, torch))
    x, x_dot = torch.tensor(x), torch.tensor(x_dot)
    return lambda: torch.func.jvp(gradient, (x,), (x_dot,))[1]


def torch_jacobian(x):
    torch = _torch()
    return partial(torch.func.jacfwd(lambda x: broyden_slices(x, torch)), torch.tensor(x))


def torch_paths(xs, normals):
    torch = _torch()
    steps = torch.from_numpy(np.ascontiguousarray(normals.T))
    x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)

    def value_and_gradient():
        y = asian_option(x.unbind(), torch, [steps]).mean()
        return y.item(), torch.autograd.grad(y, x)[0]

    return value_and_gradient


def autograd_hessian(x):
    import autograd
    import autograd.numpy as anp

    return partial(autograd.hessian(lambda x: by_slices(x, anp)), x)


def autograd_hvp(x, x_dot):
    import autograd
    import autograd.numpy as anp

    return partial(autograd.hessian_vector_product(lambda x: by_slices(x, anp)), x, x_dot)


def autograd_jacobian(x):
    import autograd
    import autograd.numpy as anp

    return partial(autograd.jacobian(lambda x: broyden_slices(x, anp)), x)


def autograd_paths(xs, normals):
    import autograd
    import autograd.numpy as anp

    m = namespace(exp=anp.exp, sqrt=anp.sqrt, relu=lambda x: anp.maximum(x, 0.0))
    steps = np.ascontiguousarray(normals.T)
    f = autograd.value_and_grad(lambda xs: anp.mean(asian_option(xs, m, [steps])))
    return partial(f, np.array(xs))


def _wanted_paths(xs, normals):
    m = namespace(exp=np.exp, sqrt=np.sqrt, relu=partial(np.maximum, 0.0))
    payoffs = asian_option(xs, m, [normals.T])  # those of all paths, side by side
    return payoffs.mean(), asian_option_gradient(xs, normals)


def hessian_problem(n=100):
    x = np.array(rosenbrock_point(n))
    adapters = {
        "tapead": tapead_hessian,
        "casadi": partial(casadi_hessian, rosenbrock),
        "jax": jax_hessian,
        "torch": torch_hessian,
        "autograd": autograd_hessian,
    }
    return Problem(adapters, (x,), lambda: (rosen_hess(x),), 11.0, 1.4)


def hvp_problem(n=1000):
    x, x_dot = np.array(rosenbrock_point(n)), np.random.default_rng(7).standard_normal(n)
    adapters = {
        "tapead": tapead_hvp,
        "casadi": partial(casadi_hvp, rosenbrock),
        "jax": jax_hvp,
        "torch": torch_hvp,
        "autograd": autograd_hvp,
    }
    return Problem(adapters, (x, x_dot), lambda: (rosen_hess_prod(x, x_dot),), 12.0, 1.6)


def sparse_jacobian_problem(n=1000):
    """The peers without sparse matrices compute all n^2 entries."""
    x = np.array(rosenbrock_point(n))
    adapters = {
        "tapead": tapead_sparse_jacobian,
        "casadi": partial(casadi_sparse_jacobian, broyden_tridiagonal),
        "jax": jax_jacobian,
        "torch": torch_jacobian,
        "autograd": autograd_jacobian,
    }
    return Problem(adapters, (x,), lambda: (broyden_tridiagonal_jacobian(x),), 10.0, 2.2)


def paths_problem(n_paths=100_000):
    """Mean payoff of an Asian option over many paths of 252 steps, and its gradient."""
    xs, normals = (
        (100.0, 0.2, 0.05, 1.0),
        np.random.default_rng(1).standard_normal((n_paths, 252)),
    )
    adapters = {
        "tapead": tapead_paths,
        "casadi": partial(casadi_paths, asian_option),
        "jax": jax_paths,
        "torch": torch_paths,
        "autograd": autograd_paths,
    }
    return Problem(
        adapters, (xs, normals), lambda: _wanted_paths(xs, normals), 1.3, 1.26, calls=n_paths
    )


PROBLEMS = {
    "dense-hessian-rosenbrock-100": hessian_problem,
    "hvp-rosenbrock-1000": hvp_problem,
    "sparse-jacobian-tridiagonal-1000": sparse_jacobian_problem,
    "asian-option-100000-paths": paths_problem,
}
PROBLEM_SYSTEMS = ("tapead", "casadi", "jax", "torch", "autograd")
