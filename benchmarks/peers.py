"""The systems that are compared: how each makes a value-and-gradient function.

An adapter of `SYSTEMS` takes a workload's ``f(xs, m)`` and returns a function of a list of floats
that returns the value and the gradient. It records anew in each call, in the way the system's own
documentation does. An adapter of `REPLAYS` takes the point as well, records there once, and returns
a function without arguments that replays there. Versions: xad 1.5.2, micrograd 0.1, autograd 1.9.1,
torch 2.13, casadi 3.8.2.
"""

import importlib.util
import math
import sys
from functools import cache, partial

import numpy as np


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


def casadi_namespace():
    import casadi

    return namespace(
        exp=casadi.exp,
        log=casadi.log,
        sin=casadi.sin,
        sqrt=casadi.sqrt,
        relu=lambda x: casadi.fmax(x, 0.0),
    )


def casadi_function(inputs, outputs):
    """Make a function of dense results: it leaves out what is 0 by structure otherwise."""
    import casadi

    return casadi.Function("f", inputs, [casadi.densify(y) for y in outputs])


def casadi_replay(inputs, outputs, values):
    return casadi_in_place(casadi_function(inputs, outputs), values)


def casadi_in_place(function, values):
    """Return a function that evaluates in place and returns its arrays, matrices transposed.

    A plain call of a casadi function spends 15 us on conversions, its buffers next to nothing.
    """
    arguments = [np.array(value, dtype=float) for value in values]
    results = [np.zeros(function.size_out(i)[::-1]).squeeze() for i in range(function.n_out())]
    buffer, evaluate = function.buffer()
    for i, argument in enumerate(arguments):
        buffer.set_arg(i, memoryview(argument.reshape(-1)))
    for i, result in enumerate(results):
        buffer.set_res(i, memoryview(result.reshape(-1)))

    def replay():
        evaluate()
        return results

    replay.keeps = function, buffer, arguments  # casadi itself keeps none of them alive
    return replay


def casadi_hessian(f, xs):
    import casadi

    x = casadi.SX.sym("x", len(xs))
    hessian, _ = casadi.hessian(f(casadi.vertsplit(x), casadi_namespace()), x)
    return casadi_replay([x], [hessian], [xs])


def casadi_hvp(f, xs, xs_dot):
    import casadi

    x, x_dot = casadi.SX.sym("x", len(xs)), casadi.SX.sym("x_dot", len(xs))
    gradient = casadi.gradient(f(casadi.vertsplit(x), casadi_namespace()), x)
    return casadi_replay([x, x_dot], [casadi.jtimes(gradient, x, x_dot)], [xs, xs_dot])


def casadi_paths(f, xs, normals, block=1000):
    """Return the mean of ``f(xs, m, [path])`` and of its gradient by casadi's map over a block."""
    import casadi

    x, z = casadi.SX.sym("x", len(xs)), casadi.SX.sym("z", normals.shape[1])
    y = f(casadi.vertsplit(x), casadi_namespace(), [casadi.vertsplit(z)])
    function = casadi_function([x, z], [y, casadi.gradient(y, x)]).map(block)
    blocks = normals.reshape(-1, block, normals.shape[1])
    replay = casadi_in_place(function, [np.tile(xs, (block, 1)), blocks[0]])
    _, buffer, _ = replay.keeps

    def means():
        total = np.zeros(1 + len(xs))
        for paths in blocks:
            buffer.set_arg(1, memoryview(paths.reshape(-1)))
            values, gradients = replay()
            total += [values.sum(), *gradients.sum(axis=0)]
        total /= len(normals)
        return total[0], total[1:]

    return means


SYSTEMS = {
    "tapead": with_tapead,
    "xad": with_xad,
    "micrograd": with_micrograd,
    "torch": with_torch,
    "autograd": with_autograd,
}

REPLAYS = {
    "tapead": replay_with_tapead,
    "tapead-arrays": replay_with_tapead_arrays,
    "casadi": replay_with_casadi,
}


def is_missing(system):
    """Tell whether a peer is not installed; tapead has to be, and a broken peer raises."""
    module = system.partition("-")[0]
    return module != "tapead" and importlib.util.find_spec(module) is None


def require(system):
    """Skip a benchmark whose peer is not installed: asv shows n/a."""
    if is_missing(system):
        raise NotImplementedError(f"{system} is not installed")
