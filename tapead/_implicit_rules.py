"""Derivatives of what an equation defines: the rules that all implicit functions share.

Where ``r(x, a) = 0`` defines x, its tangent solves ``(dr/dx) x_dot = -(dr/da) a_dot``, and the
adjoint of a is ``-(dr/da)' u`` with ``(dr/dx)' u = x_bar`` [1]_. Both are written with transforms
of r, so that they can be differentiated again.

.. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, ch. 15.
"""

import functools
import inspect

import numpy as np

from tapead._batched_calls import by_point
from tapead._joint import Joint, any_traced, as_number, batched_level, refuse_series
from tapead._tape import is_expanding
from tapead.transforms import jacobian, jvp, vjp

DENSE = 400  # numbers: up to here the Jacobian is made and factorised


class ConvergenceError(RuntimeError):
    """A solver did not find what an implicit function is defined by."""


def point_by_point(function):
    """`function`, called once per point within vmap."""

    @functools.wraps(function)
    def called(*args, **kwargs):
        level = batched_level((args, kwargs))
        if level is not None:
            return by_point(called, level, args, kwargs)
        return function(*args, **kwargs)

    return called


def applied(row, tree):
    """Result of a row of an implicit function at plain or traced arguments."""
    refuse_series(row.name, tree)
    if not any_traced(tree):
        return row.function(*tree)
    if is_expanding():
        raise TypeError(
            f"{row.name} cannot be recorded in a Program of numbers; give tapead.record arrays=True"
        )
    return row.apply(tree)


def of_plain(name, function, args):
    """``function(x, *args)`` as a solver calls it: plain arrays in and out."""

    def plain(x):
        value = function(x, *args)
        if isinstance(x, np.ndarray) and any_traced(value):
            raise TypeError(
                f"{name}: the function uses traced values that are not among its arguments; pass "
                "them in as args"
            )
        return value

    return plain


def implicit_row(name, residual, solve, linear):
    """The row of a vector x that ``residual(x, *args) = 0`` defines.

    Parameters
    ----------
    name : str
        For errors.
    residual : callable
        ``residual(x, *args)``: a vector as long as x; can be traced.
    solve : callable
        ``solve(*args)`` of plain arguments: x.
    linear : {"auto", "dense", "gmres"} or callable
    """

    def pull(call, v_bars, vs, operands):
        (x,), (x_bar,) = vs, v_bars
        traced = [i for i, is_traced in enumerate(call.traced) if is_traced]
        u = _solved(name, residual, x, call.tree(operands), x_bar, True, linear)
        of_args = _of_operands(residual, x, call, operands, traced)
        _, pullback = vjp(of_args, *_chosen(call, operands, traced))
        found = dict(zip(traced, pullback(-u), strict=True))
        return [found.get(i) for i in range(len(operands))]

    def push(call, i, a_dot, vs, operands):
        (x,) = vs
        of_args = _of_operands(residual, x, call, operands, [i])
        a_dot = as_number(a_dot) if call.numbers[i] else a_dot
        r_dot = jvp(of_args, tuple(_chosen(call, operands, [i])), (a_dot,))[1]
        return [_solved(name, residual, x, call.tree(operands), -r_dot, False, linear)]

    return Joint(name, solve, pull, push)


def _of_operands(residual, x, call, operands, chosen):
    """The residual as a function of some of the operands."""

    def of_operands(*values):
        found = list(operands)
        for i, value in zip(chosen, values, strict=True):
            found[i] = value
        return residual(x, *call.tree(found))

    return of_operands


def _chosen(call, operands, chosen):
    return [as_number(operands[i]) if call.numbers[i] else operands[i] for i in chosen]


def _solved(name, residual, x, args, b, transposed, linear):
    """Solution of the linear equations of a rule, by the Jacobian or by products with it."""
    if linear == "auto":
        linear = "dense" if b.shape[0] <= DENSE else "gmres"
    if linear == "dense":
        matrix = jacobian(lambda z: residual(z, *args))(x)
        return solve_dense(name, matrix.T if transposed else matrix, b)
    return _solved_by_products(name, residual, x, args, b, transposed, linear)


def solve_dense(name, matrix, b):
    """Solution of linear equations; an error that says what is singular."""
    try:
        return np.linalg.solve(matrix, b)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"{name}: the Jacobian at the solution is singular, so that the solution has no "
            "derivative there; the equations may have a double root or too many unknowns: fix or "
            "drop some, or start from another x0"
        ) from None


def _solved_by_products(name, residual, x, args, b, transposed, linear):
    """Solution by an iterative solver: itself an implicit function, of x, b and args."""

    def product(u, x, *args):
        if transposed:
            return vjp(lambda z: residual(z, *args), x)[1](u)[0]
        return jvp(lambda z: residual(z, *args), (x,), (u,))[1]

    def solve(x, b, *args):
        return _iterated(name, lambda u: product(u, x, *args), b, linear)

    row = implicit_row(name, lambda u, x, b, *args: product(u, x, *args) - b, solve, linear)
    return applied(row, (x, b, *args))


def _iterated(name, product, b, linear):
    if callable(linear):
        return np.asarray(linear(product, b), dtype=float)
    from scipy.sparse.linalg import (  # type: ignore[import-untyped]
        LinearOperator,
        gmres,
    )

    operator = LinearOperator((b.size, b.size), matvec=product, dtype=float)
    tolerance = "rtol" if "rtol" in inspect.signature(gmres).parameters else "tol"  # SciPy 1.12
    keywords = {tolerance: 1e-12, "atol": 0.0, "restart": min(b.size, 60), "maxiter": 200}
    u, info = gmres(operator, b, **keywords)
    residual = np.linalg.norm(product(u) - b)
    if info and residual > 1e-8 * np.linalg.norm(b):
        raise ConvergenceError(
            f"{name}: gmres did not solve the linear equations of the derivative (residual "
            f"{residual:.2g} after {info} iterations); the Jacobian may be singular or badly "
            'scaled: give linear="dense", or a function linear(product, b) with a preconditioner'
        )
    return u
