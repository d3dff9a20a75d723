"""Solutions of ordinary differential equations, and their adjoints."""

import numpy as np

from tapead._array import as_array
from tapead._containers import leaves
from tapead._function_transforms import stop_gradient
from tapead._implicit_rules import ConvergenceError, applied, point_by_point
from tapead._joint import Joint, any_traced, as_number
from tapead._ravel import Raveled, raveled
from tapead.transforms import jacobian, jvp, vjp


@point_by_point
def odeint(f, y0, t, *args, rtol=1e-8, atol=1e-8, method="DOP853"):
    """Solution of ``dy/dt = f(y, t, *args)``, differentiable in `y0`, `t` and `args`.

    Parameters
    ----------
    f : callable
        The derivative of y, in its structure.
    y0 : float, array or container of them
        The state at ``t[0]``.
    t : (n,) array
        Times of the results, growing or falling.
    *args
        Parameters: numbers, arrays, containers of them. `f` cannot close over traced values.
    rtol : float, default 1e-8
        Relative tolerance of ``scipy.integrate.solve_ivp``; of the adjoint equations as well.
    atol : float, default 1e-8
        Absolute tolerance.
    method : str, default "DOP853"
        Of ``scipy.integrate.solve_ivp``; "Radau" or "BDF" for stiff equations.

    Returns
    -------
    array or container of them
        The states at all times, along the first axis of every leaf.

    Raises
    ------
    ConvergenceError
        If the solver cannot go on.
    ValueError
        If `t` is not monotone.

    Notes
    -----
    The adjoints of the state and of `args` are solved back in time from result to result [1]_,
    along a path of the state that is solved again from the result before; nothing in between is
    kept. The tangent is solved along with the state. Both are solutions of ODEs themselves, which
    gives derivatives of any order; those of the adjoint solve the state back in time, which a stiff
    equation may not allow. What they are accurate to is set by `rtol` and `atol`.

    References
    ----------
    .. [1] R. T. Q. Chen, Y. Rubanova, J. Bettencourt and D. Duvenaud, "Neural ordinary differential
       equations", NeurIPS 2018, appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> def decayed(rate):
    ...     f = lambda y, t, rate: -rate * y
    ...     return tapead.implicit.odeint(f, 2.0, np.array([0.0, 1.0]), rate)[1]
    >>> bool(abs(decayed(1.0) - 2.0 / np.e) < 1e-7)
    True
    >>> bool(abs(tapead.grad(decayed)(1.0) + 2.0 / np.e) < 1e-7)
    True
    """
    shape = Raveled(y0)
    t = as_array(t)
    t = t if t.dtype == np.float64 else t.astype(np.float64)
    _check_times(stop_gradient(t))

    def field(y, t, *args):
        return raveled(f(shape.tree(y), t, *args))

    settings = {"rtol": rtol, "atol": atol, "method": method}
    row = _ode_row(field, settings)
    return shape.tree(applied(row, (raveled(y0), t, args)))


def _check_times(t):
    steps = np.diff(t)
    if t.ndim != 1 or not t.size or not (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(
            f"tapead.implicit.odeint needs times in an array of one axis that grow or fall; got {t}"
        )


def _ode_row(field, settings):
    """The row of the states, an array (times, numbers), of a vector, times and a tuple of args."""

    def solve(y0, t, args):
        return _integrated(field, y0, t, args, settings)

    def pull(call, v_bars, vs, operands):
        found = _adjoints(_Setting(field, call, operands), settings, vs[0], v_bars[0])
        return [found.get(i) for i in range(len(operands))]

    def push(call, i, x_dot, vs, operands):
        return [_tangents(_Setting(field, call, operands), settings, vs[0], i, x_dot)]

    return Joint("tapead.implicit.odeint", solve, pull, push)


class _Setting:
    """A problem as its rules see it: the field as a function of those args that are traced."""

    def __init__(self, field, call, operands):
        self.field, self.call, self.operands = field, call, operands
        self.y0, self.t, self.args = call.tree(operands)
        traced = [i for i, is_traced in enumerate(call.traced) if is_traced]
        self.place_of = dict(zip(range(len(operands)), call.places, strict=True))
        self.wanted = [i for i in traced if self.place_of[i] > 1]  # behind y0 and t
        self.chosen = tuple(self.value(i, operands[i]) for i in self.wanted)

    def value(self, i, x):
        return as_number(x) if self.call.numbers[i] else x

    def of(self, y, t, chosen):
        """The field with other values of the traced args."""
        found = list(self.operands)
        for i, x in zip(self.wanted, chosen, strict=True):
            found[i] = x
        return self.field(y, t, *self.call.tree(found)[2])

    def slope(self, y, k):
        """The field at the k-th time."""
        return self.field(y, self.t[k], *self.args)


def _adjoints(problem, settings, ys, w):
    """Adjoints of y0, the times and the args, by operand, for adjoints `w` of the states."""
    sizes = Raveled(problem.chosen)
    a, p, t_bar = np.zeros(ys.shape[1]), np.zeros(sizes.size), []
    for k in range(ys.shape[0] - 1, 0, -1):
        a = a + w[k]
        t_bar.append(np.sum(w[k] * problem.slope(ys[k], k)))
        a, p = _back(problem, settings, ys, k, a, p)
    t_bar.append(-np.sum(a * problem.slope(ys[0], 0)))
    bars = leaves(sizes.tree(p)) if problem.chosen else []
    found = dict(zip(problem.wanted, bars, strict=True))
    for i, place in problem.place_of.items():
        if place < 2:
            found[i] = a + w[0] if place == 0 else as_array(t_bar[::-1])
    return found


def _back(problem, settings, ys, k, a, p):
    """Adjoints of the state and the args, from the k-th time back to the one before."""
    times = as_array([problem.t[k], problem.t[k - 1]])
    tree = (ys, times, a, p, problem.chosen)
    if not any_traced(tree):
        return _back_along_path(problem, settings, ys, k, a, p)
    state = (ys[k], a, p)
    shape = Raveled(state)

    def field(z, t, *chosen):
        y, a, _ = shape.tree(z)
        return np.concatenate(_adjoint_slopes(problem, y, t, a, chosen))

    z = applied(_ode_row(field, settings), (raveled(state), times, problem.chosen))
    return shape.tree(z[-1])[1:]


def _back_along_path(problem, settings, ys, k, a, p):
    """The same of plain numbers: the states come from a solution forward in time.

    A stiff equation can be solved forward only.
    """
    start, end = problem.t[k - 1], problem.t[k]
    path = _solved(problem.field, (start, end), ys[k - 1], problem.args, settings)
    shape = Raveled((a, p))

    def field(z, t):
        a, _ = shape.tree(z)
        return np.concatenate(_adjoint_slopes(problem, path.sol(t), t, a, problem.chosen)[1:])

    z = _solved(field, (end, start), raveled((a, p)), (), settings).y[:, -1]
    return shape.tree(z)


def _adjoint_slopes(problem, y, t, a, chosen):
    """What the state and the adjoints of the state and the args change by."""
    slope, pullback = vjp(lambda y, *chosen: problem.of(y, t, chosen), y, *chosen)
    y_bar, *bars = pullback(a)
    return slope, -y_bar, -raveled(bars)


def _tangents(problem, settings, ys, i, x_dot):
    """Tangents of the states for that of operand i."""
    place, n = problem.place_of[i], ys.shape[1]
    start = np.zeros(n)
    if place == 0:
        start = x_dot
    elif place == 1:
        start = -problem.slope(ys[0], 0) * x_dot[0]
    moves = place > 1

    def field(z, t, x_dot, *chosen):
        def of(y, *moved):
            found = [
                moved[0] if j == i and moved else x
                for j, x in zip(problem.wanted, chosen, strict=True)
            ]
            return problem.of(y, t, found)

        moved = [chosen[problem.wanted.index(i)]] if moves else []
        dots = [problem.value(i, x_dot)] if moves else []
        return np.concatenate(jvp(of, (z[:n], *moved), (z[n:], *dots)))

    tree = (np.concatenate([ys[0], start]), problem.t, (x_dot, *problem.chosen))
    dots = applied(_ode_row(field, settings), tree)[:, n:]
    if place != 1:
        return dots
    slopes = np.stack([problem.slope(ys[k], k) for k in range(ys.shape[0])])
    return dots + slopes * x_dot[:, None]


def _integrated(field, y0, t, args, settings):
    """The states at all times."""
    if t.size == 1:
        return y0[None].copy()
    found = _solved(field, (t[0], t[-1]), y0, args, {**settings, "t_eval": t})
    return np.ascontiguousarray(found.y.T)


def _solved(field, span, y0, args, settings):
    """A solution by SciPy, which has come to its end."""
    from scipy.integrate import solve_ivp  # type: ignore[import-untyped]

    def fun(t, y):
        value = field(y, t, *args)
        if not isinstance(value, np.ndarray):
            raise TypeError(
                "tapead.implicit.odeint: the function uses traced values that are not among its "
                "arguments; pass them in as args"
            )
        return value

    keywords = {"dense_output": "t_eval" not in settings, **settings}
    if settings["method"] in ("Radau", "BDF", "LSODA"):
        keywords["jac"] = lambda t, y: jacobian(lambda y: field(y, t, *args))(y)
    found = solve_ivp(fun, span, y0, **keywords)
    if found.status or not np.isfinite(found.y).all():
        reached = found.t[-1] if found.t.size else span[0]
        raise ConvergenceError(
            f"tapead.implicit.odeint could not go on beyond t = {reached:.6g}: {found.message} "
            'Give other tolerances, or method="Radau" for a stiff equation; the solution may be '
            "infinite"
        )
    return found
