"""The systems that are compared: how each makes a value-and-gradient function.

An adapter takes a workload's ``f(xs, m)`` and returns a function of a list of floats that returns
the value and the gradient. It records anew in each call, in the way the system's own
documentation does. Versions: xad 1.5.2, micrograd 0.1, autograd 1.9.1, torch 2.13.
"""

import importlib.util
import math
import sys
from functools import cache


def namespace(**functions):
    """Make a class of functions: on Python 3.11 its look-up is as fast as a module's."""
    return type("namespace", (), functions)


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


SYSTEMS = {
    "tapead": with_tapead,
    "xad": with_xad,
    "micrograd": with_micrograd,
    "torch": with_torch,
    "autograd": with_autograd,
}


def is_missing(system):
    """Tell whether a peer is not installed; tapead has to be, and a broken peer raises."""
    return system != "tapead" and importlib.util.find_spec(system) is None
