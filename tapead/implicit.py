"""Implicit functions: what an equation, an optimum, an iteration or an ODE defines.

The solvers are SciPy's and are not looked into: the derivatives come from the equations that hold
at the solution. Arguments, unknowns and results are numbers, arrays or containers of them; the
starting point has no derivative.
"""

import numpy as np

from tapead._function_transforms import stop_gradient
from tapead._implicit_rules import (
    DENSE,
    ConvergenceError,
    applied,
    implicit_row,
    of_plain,
    point_by_point,
)
from tapead._odeint import odeint
from tapead._ravel import Raveled, raveled
from tapead.transforms import grad, hessian, hvp, jacobian, value_and_grad

__all__ = ["ConvergenceError", "fixed_point", "minimize", "odeint", "root"]


@point_by_point
def root(f, x0, *args, method="hybr", tol=None, options=None, solver=None, linear="auto"):
    """Solution x of ``f(x, *args) = 0``, differentiable with respect to `args`.

    Parameters
    ----------
    f : callable
        Returns as many numbers as `x0` has, in any structure.
    x0 : float, array or container of them
        Where the solver starts; the solution has its structure.
    *args
        Parameters: numbers, arrays, containers of them. What is to be differentiated must be among
        them; `f` cannot close over traced values.
    method : str, default "hybr"
        Of ``scipy.optimize.root``; "krylov" for many unknowns.
    tol : float, optional
        Of ``scipy.optimize.root``.
    options : dict, optional
        Of ``scipy.optimize.root``.
    solver : callable, optional
        ``solver(fun, x0)`` in place of SciPy's: gets a function of a vector and a vector, and
        returns the solution.
    linear : {"auto", "dense", "gmres"} or callable, default "auto"
        How derivatives solve their linear equations: by the Jacobian (up to 400 unknowns by
        default), by GMRES on products with it, or by ``linear(product, b)``.

    Returns
    -------
    float, array or container of them

    Raises
    ------
    ConvergenceError
        If no solution is found.
    numpy.linalg.LinAlgError
        From a derivative, if the Jacobian is singular at the solution.
    ValueError
        If `f` does not return as many numbers as `x0` has.

    See Also
    --------
    fixed_point : Of ``x = g(x)``.
    minimize : Where a gradient is zero.

    Notes
    -----
    With r = f at the solution, ``x_dot = -(dr/dx)^-1 (dr/dargs) args_dot``; the rules are
    differentiable again, in both modes and to any order.

    Examples
    --------
    >>> import tapead
    >>> def cube_root(a):
    ...     return tapead.implicit.root(lambda x, a: x**3 - a, 1.0, a)
    >>> round(cube_root(8.0), 9)
    2.0
    >>> round(tapead.grad(cube_root)(8.0), 9)  # 1 / (3 x**2)
    0.083333333
    """
    shape, start = _started(x0)
    residual = _of_vectors("root", f, shape)

    def solve(*args):
        keywords = {"method": method, "tol": tol, "options": options}
        fun = of_plain("tapead.implicit.root", residual, args)
        if solver is not None:
            return _checked(
                "root", np.asarray(solver(fun, start), dtype=float).reshape(start.shape)
            )
        return _root(fun, start, **keywords)

    row = implicit_row("tapead.implicit.root", residual, solve, linear)
    return shape.tree(applied(row, args))


@point_by_point
def minimize(f, x0, *args, method="BFGS", tol=None, options=None, linear="auto"):
    """Argument x that minimises ``f(x, *args)``, differentiable with respect to `args`.

    Parameters
    ----------
    f : callable
        Returns one number, smooth in x.
    x0 : float, array or container of them
        Where the solver starts; the solution has its structure.
    *args
        Parameters: numbers, arrays, containers of them. `f` cannot close over traced values.
    method : str, default "BFGS"
        Of ``scipy.optimize.minimize``, for problems without constraints; gradients and products
        with the Hessian are tapead's. The solution is polished by Newton steps where the Hessian is
        small enough to be made.
    tol : float, optional
        Of ``scipy.optimize.minimize``.
    options : dict, optional
        Of ``scipy.optimize.minimize``.
    linear : {"auto", "dense", "gmres"} or callable, default "auto"
        As for `root`; the equations are those of the Hessian.

    Returns
    -------
    float, array or container of them

    Raises
    ------
    ConvergenceError
        If the gradient does not get small.
    numpy.linalg.LinAlgError
        From a derivative, if the Hessian is singular at the solution.

    See Also
    --------
    root : Of equations.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> def ridge(weight):
    ...     loss = lambda x, weight: np.sum((x - [1.0, 2.0])**2) + weight * np.sum(x * x)
    ...     return tapead.implicit.minimize(loss, np.zeros(2), weight)
    >>> ridge(1.0).round(9)  # [1, 2] / (1 + weight)
    array([0.5, 1. ])
    >>> tapead.jacobian(ridge)(1.0).round(9)
    array([-0.25, -0.5 ])
    """
    shape, start = _started(x0)

    def objective(x, *args):
        return f(shape.tree(x), *args)

    def solve(*args):
        fun = of_plain("tapead.implicit.minimize", objective, args)
        fun(start)  # an error where it uses what it cannot
        return _minimum(fun, start, method, tol, options)

    row = implicit_row("tapead.implicit.minimize", grad(objective), solve, linear)
    return shape.tree(applied(row, args))


@point_by_point
def fixed_point(g, x0, *args, tol=1e-12, max_iter=10_000, solver=None, linear="auto"):
    """Solution x of ``x = g(x, *args)`` by iteration, differentiable with respect to `args`.

    Parameters
    ----------
    g : callable
        Returns its next argument, in the structure of `x0`.
    x0 : float, array or container of them
        Where the iteration starts.
    *args
        Parameters: numbers, arrays, containers of them. `g` cannot close over traced values.
    tol : float, default 1e-12
        The iteration ends when a step is not larger, relative to 1 + max(abs(x)).
    max_iter : int, default 10000
    solver : callable, optional
        ``solver(fun, x0)`` in place of the iteration: gets g as a function of a vector, and a
        vector; returns the solution.
    linear : {"auto", "dense", "gmres"} or callable, default "auto"
        As for `root`; the equations are those of I - dg/dx.

    Returns
    -------
    float, array or container of them

    Raises
    ------
    ConvergenceError
        If the iteration does not end.
    ValueError
        If `g` does not return as many numbers as `x0` has.

    See Also
    --------
    root : By Newton's method, where g is no contraction.

    Examples
    --------
    >>> import tapead
    >>> def square_root(a):
    ...     return tapead.implicit.fixed_point(lambda x, a: 0.5 * (x + a / x), 1.0, a)
    >>> round(tapead.grad(square_root)(4.0), 9)
    0.25
    >>> round(tapead.grad(tapead.grad(square_root))(4.0), 9)
    -0.03125
    """
    shape, start = _started(x0)
    following = _of_vectors("fixed_point", g, shape)

    def solve(*args):
        fun = of_plain("tapead.implicit.fixed_point", following, args)
        if solver is not None:
            return _given("fixed_point", solver(fun, start), start)
        return _iterated(fun, start, tol, max_iter)

    def residual(x, *args):
        return x - following(x, *args)

    row = implicit_row("tapead.implicit.fixed_point", residual, solve, linear)
    return shape.tree(applied(row, args))


def _started(x0):
    """The structure of the unknowns, and the vector that a solver starts from."""
    x0 = stop_gradient(x0)
    return Raveled(x0), raveled(x0)


def _of_vectors(name, f, shape):
    """`f` as a function of a vector whose value is a vector as long."""

    def of_vectors(x, *args):
        y = raveled(f(shape.tree(x), *args))
        if y.shape != x.shape:
            raise ValueError(
                f"tapead.implicit.{name} needs a function that returns as many numbers as x0 has, "
                f"{x.shape[0]}; got {y.shape[0]}"
            )
        return y

    return of_vectors


def _root(fun, start, method, tol, options):
    from scipy import optimize

    dense = start.size <= DENSE
    jac = jacobian(fun) if dense and method in ("hybr", "lm") else None
    found = optimize.root(fun, start, method=method, jac=jac, tol=tol, options=options)
    x = _polished(fun, found.x) if dense else found.x
    size = np.linalg.norm(fun(x))
    if not found.success and not size <= 1e-8:
        raise ConvergenceError(
            f"tapead.implicit.root did not converge: {' '.join(found.message.split())} The "
            f"function is {size:.2g} where it stopped; start from another x0, or give method, "
            "options or a solver of your own"
        )
    return _checked("root", x)


def _polished(fun, x, n_steps=3):
    """`x` after Newton steps that bring a function of vectors nearer to zero."""
    r = fun(x)
    for _ in range(n_steps):
        try:
            better = x - np.linalg.solve(jacobian(fun)(x), r)
        except np.linalg.LinAlgError:
            break
        closer = fun(better)
        if not np.linalg.norm(closer) < np.linalg.norm(r):
            break
        x, r = better, closer
    return x


WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov")
WITH_HESSIAN = ("trust-exact", "dogleg")


def _minimum(fun, start, method, tol, options):
    from scipy import optimize

    keywords = {"method": method, "tol": tol, "options": options}
    if method.lower() in WITH_PRODUCTS:
        keywords["hessp"] = lambda x, p: hvp(fun, (x,), (p,))[0]
    if method.lower() in WITH_HESSIAN:
        keywords["hess"] = hessian(fun)
    if method.lower() in WITHOUT_GRADIENT:
        found = optimize.minimize(fun, start, **keywords)
    else:
        found = optimize.minimize(value_and_grad(fun), start, jac=True, **keywords)
    slope = grad(fun)
    x = _polished(slope, found.x) if start.size <= DENSE else found.x
    size = np.linalg.norm(slope(x))
    if not size <= 1e-5 * max(1.0, abs(fun(x))):
        raise ConvergenceError(
            f"tapead.implicit.minimize did not converge: {found.message} The gradient is "
            f"{size:.2g} where it stopped; start from another x0, or give method, tol or options"
        )
    return _checked("minimize", x)


def _iterated(fun, x, tol, max_iter):
    for _ in range(max_iter):
        following = fun(x)
        step = np.abs(following - x).max(initial=0.0)
        x = following
        if not np.isfinite(step):
            break
        if step <= tol * (1.0 + np.abs(x).max(initial=0.0)):
            return x
    raise ConvergenceError(
        f"tapead.implicit.fixed_point did not converge: the last step was {step:.2g}; g may be no "
        "contraction here: start closer, raise max_iter, or use tapead.implicit.root of x - g(x)"
    )


def _given(name, x, start):
    """What a solver of the user's returns."""
    return _checked(name, np.asarray(x, dtype=float).reshape(start.shape))


def _checked(name, x):
    """A solution, which is finite."""
    if not np.isfinite(x).all():
        raise ConvergenceError(
            f"tapead.implicit.{name} came to infinite values or NaN; start from another x0"
        )
    return x
