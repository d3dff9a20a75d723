"""Long loops in bounded memory: one entry on the tape, whose steps are run again in the sweep.

The rules of an entry are the loop itself with other steps. Its tangent is the last state of the
loop beside its tangents; the tangent and the adjoint of its adjoint are adjoints of that loop. So
derivatives of any order run in the same memory.
"""

import operator

import numpy as np

from tapead._implicit_rules import applied, point_by_point
from tapead._joint import Joint, any_traced
from tapead._loop import NAME, Loop, Tangents
from tapead._loop_steps import Run
from tapead._tape import is_expanding
from tapead.transforms import vjp

BUDGET = 1 << 24  # bytes
MOST_UNROLLED = 1000  # steps within a Program of numbers


@point_by_point
def checkpointed_loop(
    step, state, n_steps=None, budget=None, *, args=(), until=None, checkpoints=None
):
    """State after many steps of a loop, differentiable within a given number of bytes.

    A recording holds one entry for the whole loop, and a fixed number of states along it. A sweep
    runs the steps between them again, as few as can be [1]_.

    Parameters
    ----------
    step : callable
        ``step(state, *args)``: the next state, in the same structure, with the same shapes and
        dtypes. It must give the same when it is run again, which happens any number of times, and
        not write to its arguments.
    state : float, array or container of them
        Where the loop starts. Leaves that are no floats are static: they may change from step to
        step, and have no derivative.
    n_steps : int, optional
        Number of steps; with `until` the most of them, by default any number.
    budget : int, optional
        Bytes for the floats of states that are kept, and 24 of bookkeeping for each; by default
        16 MiB.
    args : tuple, optional
        Further arguments of `step` and `until`: numbers, arrays, containers of them. What is to be
        differentiated must be among them or in `state`; `step` cannot close over traced values.
    until : callable, optional
        ``until(state, *args)``: whether the loop ends with this state; a function of these alone.
    checkpoints : int, optional
        How many states may be kept, in place of `budget`. The first state is one of them.

    Returns
    -------
    float, array or container of them
        The last state.

    Raises
    ------
    TypeError
        If `step` uses traced values that are not in `state` or `args`, or returns other dtypes.
    ValueError
        If `budget` is less than one state takes, if `step` returns another structure or shape, or
        gives other numbers when it is run again.

    See Also
    --------
    checkpoint : One function that is run again in the sweep.
    implicit.odeint : An ODE by SciPy's solvers, which choose their steps.

    Notes
    -----
    With s states kept and at most r runs of a step, binom(s + r, s) steps are possible: 10^6 steps
    take three runs of each with 200 states, and two with 1,500. Where the number of steps is known
    the runs are the least there can be. Where it is not, which states to keep is decided while the
    loop runs: the runs are the least up to two of each step, and up to a tenth more beyond, from
    three states on.

    A step of few numbers is recorded when the loop is called, anew where it takes another branch,
    and replayed without Python; one of larger arrays is a program of arrays, if it can be. Other
    steps run in Python. An error in a step has a note with its number, counted from 0.

    A `Program` of numbers holds up to 1,000 steps one by one, and no loop of more.

    Within a sweep every number of a state counts as used: a derivative that is infinite makes NaN
    with an adjoint of 0, even where no later step has used that number.

    References
    ----------
    .. [1] A. Griewank and A. Walther, "Algorithm 799: revolve: an implementation of checkpointing
       for the reverse or adjoint mode of computational differentiation", ACM Trans. Math. Softw.
       26 (2000) 19-45.

    Examples
    --------
    >>> import tapead
    >>> def step(x, rate):
    ...     return x + 1e-5 * rate * x * (1.0 - x)
    >>> def last(rate):
    ...     return tapead.checkpointed_loop(step, 0.1, 100_000, budget=10_000, args=(rate,))
    >>> round(last(2.0), 4), round(tapead.grad(last)(2.0), 4)
    (0.4509, 0.2476)
    >>> def doublings(x):
    ...     return tapead.checkpointed_loop(lambda x: 2.0 * x, x, until=lambda x: x > 100.0)
    >>> doublings(3.0), tapead.grad(doublings)(3.0)
    (192.0, 64.0)
    """
    n_steps = _checked(step, args, until, n_steps)
    budget = _budget(budget, checkpoints)
    if n_steps == 0 or is_unrolled(n_steps, until, state, args):
        for _ in range(n_steps):
            state = step(state, *args)
        return state
    loop = Loop(step, state, args, until, n_steps, budget)
    if not loop.forms:
        raise TypeError(f"{NAME} needs a state with floats; got {state!r:.60}")
    if checkpoints is None and budget[0] < loop.n_bytes:
        raise ValueError(
            f"{NAME}: a budget of {budget[0]} bytes is less than one state takes; give it "
            f"{loop.n_bytes} bytes or more, and some hundred times as much for long loops"
        )
    last = []
    y = applied(_loop_row(loop, last), loop.taken())
    return loop.tree(loop.y_shape.tree(y), last[0])


def is_unrolled(n_steps, until, state, args):
    """Whether a Program of numbers is recorded, which holds the steps one by one."""
    if not (is_expanding() and any_traced((state, args))):
        return False
    if until is None and n_steps <= MOST_UNROLLED:
        return True
    raise TypeError(
        f"{NAME}: a Program of numbers holds steps one by one, up to {MOST_UNROLLED} of them and "
        "no other number; give tapead.record arrays=True"
    )


def _checked(step, args, until, n_steps):
    for name, function in (("step", step), ("until", until)):
        if not callable(function) and not (name == "until" and function is None):
            raise TypeError(f"{NAME}: {name} is a function; got a {type(function).__name__}")
    if not isinstance(args, tuple):
        raise TypeError(f"{NAME}: args is a tuple, as (a,) for one; got a {type(args).__name__}")
    if n_steps is None:
        if until is None:
            raise TypeError(f"{NAME} needs n_steps, a number, or until, a function of the state")
        return None
    return _count(n_steps, "n_steps", 0)


def _count(n, name, least):
    try:
        n = operator.index(None if isinstance(n, bool) else n)
    except TypeError:
        raise TypeError(f"{NAME}: {name} is an int; got {n!r:.40}") from None
    if not least <= n < 1 << 60:
        raise ValueError(f"{NAME}: {name} is an int of at least {least}; got {n}")
    return n


def _budget(budget, checkpoints):
    """Bytes, or a number of states."""
    if checkpoints is not None:
        if budget is not None:
            raise TypeError(f"{NAME} takes a budget in bytes or a number of checkpoints, not both")
        return None, _count(checkpoints, "checkpoints", 1)
    if budget is None:
        return BUDGET, None
    if isinstance(budget, float) and budget.is_integer():
        budget = int(budget)
    return _count(budget, "budget", 0), None


# -- rules -----------------------------------------------------------------------------------


def _loop_row(loop, last=None):
    """The row of the last state of a loop, a vector, of z and what is not differentiated."""
    kept = []  # the run whose states are kept; each sweep uses them up

    def value(z, *rest, is_kept=False):
        run = Run(loop, z, rest, is_kept)
        if is_kept:
            kept[:] = [run]
        if last is not None:
            last[:] = [run.statics]
        return run.result()

    def pull(call, v_bars, vs, operands):
        z, *rest = call.tree(operands)
        if any_traced((z, v_bars[0])):
            bar = _adjoint(loop, z, v_bars[0], rest)
        else:
            bar = _run_kept(kept, loop, z, rest).back(v_bars[0])
        return [bar] + [None] * (len(operands) - 1)

    def push(call, i, x_dot, vs, operands):
        z, *rest = call.tree(operands)
        y = _last_state(Tangents(loop), np.concatenate([z, x_dot]), rest)
        return [y[loop.n_state :]]

    return LoopRow(NAME, value, pull, push)


class LoopRow(Joint):
    """The row of a loop: states are kept where it is recorded, and not where it is only run."""

    def value(self, *operands, call):
        z, *rest = call.tree(operands)
        return call.separate(self.function(z, *rest, is_kept=True))


def _run_kept(kept, loop, z, rest):
    """The run whose states are kept, or another from the same z."""
    try:
        run = kept.pop()
    except IndexError:  # another sweep has used them up
        run = None
    return run if run is not None and run.start == z.tobytes() else Run(loop, z, rest, True)


def _last_state(loop, z, rest):
    return applied(_loop_row(loop), (z, *rest))


def _adjoint(loop, z, bar, rest):
    """The adjoint of z for that of the last state, either of them traced."""

    def value(z, bar, *rest):
        return Run(loop, z, rest, True).back(bar)

    def pull(call, v_bars, vs, operands):
        z, bar, *rest = call.tree(operands)
        y, z_bar = _curved(loop, z, v_bars[0], bar, rest)
        return [z_bar, y[loop.n_state :]] + [None] * (len(operands) - 2)

    def push(call, i, x_dot, vs, operands):
        z, bar, *rest = call.tree(operands)
        return [_adjoint(loop, z, x_dot, rest) if i else _curved(loop, z, x_dot, bar, rest)[1]]

    return applied(Joint(f"{NAME}: adjoint", value, pull, push), (z, bar, *rest))


def _curved(loop, z, z_dot, bar, rest):
    """The loop beside its tangents, and the derivative by z of `bar` times the tangents."""
    tangents = Tangents(loop)
    y, pullback = vjp(lambda z: _last_state(tangents, np.concatenate([z, z_dot]), rest), z)
    return y, pullback(np.concatenate([np.zeros(loop.n_state), bar]))[0]
