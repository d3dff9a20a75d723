"""Functions of casadi's virtual machine: evaluated in place, as is fastest."""

import numpy as np

from .systems import namespace


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


def casadi_sparse_jacobian(f, xs):
    """Return the entries in place, as a SciPy matrix that shares their memory."""
    import casadi
    from scipy.sparse import csc_array

    x = casadi.SX.sym("x", len(xs))
    y = casadi.vertcat(*f(casadi.vertsplit(x), casadi_namespace()))
    jacobian = casadi.jacobian(y, x)
    structure = jacobian.sparsity()
    entries = casadi.vertcat(*jacobian.nonzeros())
    evaluate = casadi_replay([x], [entries], [xs])
    (data,) = evaluate()
    matrix = csc_array((data, structure.row(), structure.colind()), jacobian.shape)

    def replay():
        evaluate()
        return matrix

    matrix.data = data  # a copy would not change
    return replay


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
