"""The systems that are compared: how each makes a value-and-gradient function.

An adapter of `SYSTEMS` takes a workload's ``f(xs, m)`` and returns a function of a list of floats
that returns the value and the gradient. It records anew in each call, in the way the system's own
documentation does. An adapter of `REPLAYS` takes the point as well, records there once, and returns
a function without arguments that replays there. Versions: xad 1.5.2, micrograd 0.1, mygrad 2.5,
autograd 1.9.1, torch 2.13, casadi 3.8.2, jax 0.10.2.
"""

import math
import sys
from functools import cache, partial

import numpy as np

from .casadi_functions import casadi_namespace, casadi_replay
from .systems import namespace


def _relu(x):
    if x > 0.0:
        return x
    return 0.0


PLAIN = namespace(exp=math.exp, log=math.log, sin=math.sin, sqrt=math.sqrt, relu=_relu)


def with_tapead(f):
    import tapead

    return tapead.value_and_grad(lambda xs: f(xs, tapead))


def with_xad(f):
    import xad.math as xm
    from xad.adj_1st import Real

    m = namespace(exp=xm.exp, log=xm.log, sin=xm.sin, sqrt=xm.sqrt, relu=lambda x: xm.max(x, 0.0))
    tape = _xad_tape()

    def value_and_gradient(xs):
        tape.clearAll()
        xs = [Real(x) for x in xs]
        tape.registerInputs(xs)
        tape.newRecording()
        y = f(xs, m)
        tape.registerOutput(y)
        y.setDerivative(1.0)
        tape.computeAdjoints()
        return y.getValue(), [x.getDerivative() for x in xs]

    return value_and_gradient


@cache
def _xad_tape():
    """Activate one tape for the thread: a second one would be an error."""
    from xad.adj_1st import Tape

    tape = Tape()
    tape.activate()
    return tape


def with_micrograd(f):
    from micrograd.engine import Value

    sys.setrecursionlimit(10**6)  # backward() visits the graph by recursion, an operation a level
    m = namespace(
        exp=_micrograd_node(math.exp, lambda x, v: v),
        log=_micrograd_node(math.log, lambda x, v: 1 / x),
        sin=_micrograd_node(math.sin, lambda x, v: math.cos(x)),
        sqrt=_micrograd_node(math.sqrt, lambda x, v: 0.5 / v),
        relu=Value.relu,
    )

    def value_and_gradient(xs):
        xs = [Value(x) for x in xs]
        y = f(xs, m)
        y.backward()
        return y.data, [x.grad for x in xs]

    return value_and_gradient


def _micrograd_node(value, partial):
    """Make a function micrograd lacks, in the manner of ``Value.relu``."""
    from micrograd.engine import Value

    def apply(x):
        out = Value(value(x.data), (x,))

        def pullback():
            x.grad += partial(x.data, out.data) * out.grad

        out._backward = pullback
        return out

    return apply


def with_mygrad(f):
    import mygrad as mg

    m = namespace(
        exp=mg.exp, log=mg.log, sin=mg.sin, sqrt=mg.sqrt, relu=lambda x: mg.maximum(x, 0.0)
    )

    def value_and_gradient(xs):
        xs = [mg.tensor(x) for x in xs]
        y = f(xs, m)
        y.backward()
        return y.item(), [x.grad.item() for x in xs]

    return value_and_gradient


def with_torch(f):
    import torch

    torch.set_num_threads(1)

    def value_and_gradient(xs):
        x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
        y = f(x.unbind(), torch)
        (x_bar,) = torch.autograd.grad(y, x)
        return y.item(), x_bar.tolist()

    return value_and_gradient


def with_autograd(f):
    import autograd
    import autograd.numpy as anp

    m = namespace(
        exp=anp.exp, log=anp.log, sin=anp.sin, sqrt=anp.sqrt, relu=lambda x: anp.maximum(x, 0.0)
    )
    value_and_grad = autograd.value_and_grad(lambda x: f([x[i] for i in range(len(x))], m))

    def value_and_gradient(xs):
        value, gradient = value_and_grad(anp.array(xs))
        return float(value), gradient.tolist()

    return value_and_gradient


def replay_with_tapead(f, xs):
    import tapead

    return partial(tapead.record(lambda xs: f(xs, tapead), xs).value_and_grad, xs)


def replay_with_tapead_arrays(f, xs):
    return replay_with_tapead(f, np.array(xs))


def replay_with_casadi(f, xs):
    import casadi

    x = casadi.SX.sym("x", len(xs))
    y = f(casadi.vertsplit(x), casadi_namespace())
    return casadi_replay([x], [y, casadi.gradient(y, x)], [xs])


def replay_with_jax(f, xs):
    """Compile the loop unrolled, as it is written."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    m = namespace(
        exp=jnp.exp, log=jnp.log, sin=jnp.sin, sqrt=jnp.sqrt, relu=lambda x: jnp.maximum(x, 0.0)
    )
    n = len(xs)
    step = jax.jit(jax.value_and_grad(lambda x: f([x[i] for i in range(n)], m)))
    x = jnp.array(xs)
    return lambda: jax.block_until_ready(step(x))


SYSTEMS = {
    "tapead": with_tapead,
    "xad": with_xad,
    "micrograd": with_micrograd,
    "mygrad": with_mygrad,
    "torch": with_torch,
    "autograd": with_autograd,
}

REPLAYS = {
    "tapead": replay_with_tapead,
    "tapead-arrays": replay_with_tapead_arrays,
    "casadi": replay_with_casadi,
    "jax": replay_with_jax,
}

UNROLLED = {  # what jax takes minutes to compile
    "rosenbrock-10000", "speelpenning-1000", "lotka-volterra", "asian-option", "mlp-2-16-16-1",
}  # fmt: skip


def declines(system, workload):
    """Tell whether a system takes minutes to record a workload."""
    return system == "jax" and workload in UNROLLED
