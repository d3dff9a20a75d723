"""Loops in terms of the float leaves of their state, which steps, tangents and sweeps share."""

import numpy as np

from tapead._array import Array, as_array
from tapead._checkpoints import BOOKKEEPING
from tapead._containers import align
from tapead._joint import Flat, as_number, carries, shape_of
from tapead._numpy import holds_traced
from tapead._ravel import Raveled, raveled
from tapead._tape import Var
from tapead.transforms import jvp

NAME = "tapead.checkpointed_loop"


class Loop:
    """A loop whose step takes floats, static leaves and parameters, each a list.

    Floats are the numbers and arrays of floats in the state, parameters those leaves of the other
    arguments that are traced. What is traced among both is in a vector z, the others are `rest`.
    """

    def __init__(self, step, state, args, until, n_steps, budget):
        self.step, self.until, self.n_steps, self.budget = step, until, n_steps, budget
        self.state, self.args = Flat(state), Flat(args)
        leaves, others = [list(map(leaf_of, flat.leaves)) for flat in (self.state, self.args)]
        self.moves = [carries(x) for x in leaves]  # by leaf: whether it is a float
        floats = [x for x in leaves if carries(x)]
        self.statics = [x for x in leaves if not carries(x)]
        self.like = self.state.filled(
            [0.0 if carries(x) and shape_of(x) == () else placeholder(x) for x in leaves]
        )
        self.forms = [None if is_number(x) else (shape_of(x), x.dtype) for x in floats]
        self.is_wanted = [is_traced(x) for x in floats]
        traced = list(filter(is_traced, floats + others))
        self.z_shape = Raveled(traced)
        self.y_shape = Raveled(list(map(placeholder, floats)))
        self.kinds = ["param" if is_traced(x) else "constant" if carries(x) else "" for x in others]
        self.others = [None if carries(x) else x for x in others]
        self.state.leaves = self.args.leaves = None  # the tape keeps what it needs
        rest = [x for x in floats + others if carries(x) and not is_traced(x)]
        self.start = (raveled(traced), *rest)

    def taken(self):
        """The vector z and the rest, which are let go of."""
        start, self.start = self.start, None
        return start

    def split(self, z, rest):
        """Floats and parameters from z, and all that steps need of `rest`."""
        found, rest = iter(self.z_shape.tree(z)), iter(rest)
        floats = [next(found if is_wanted else rest) for is_wanted in self.is_wanted]
        return floats, list(found), list(rest)

    def dots(self, z_dot):
        """Tangents of floats and parameters."""
        found = iter(self.z_shape.tree(z_dot))
        pairs = zip(self.is_wanted, self.forms, strict=True)
        floats = [next(found) if is_wanted else zero(form) for is_wanted, form in pairs]
        return floats, list(found)

    def joined(self, floats, params):
        """A vector like z, of adjoints of floats and parameters."""
        pairs = zip(self.is_wanted, floats, strict=True)
        return raveled([x for is_wanted, x in pairs if is_wanted] + params)

    def tree(self, floats, statics):
        """The state with these leaves."""
        floats, statics = iter(floats), iter(statics)
        return self.state.filled([next(floats if moves else statics) for moves in self.moves])

    def args_of(self, params, constants):
        """The arguments with these leaves."""
        leaves = {"param": iter(params), "constant": iter(constants), "": None}
        pairs = zip(self.kinds, self.others, strict=True)
        return self.args.filled([next(leaves[kind]) if kind else x for kind, x in pairs])

    def go(self, floats, statics, params, constants):
        """Floats and static leaves after a step."""
        state, args = self.tree(floats, statics), self.args_of(params, constants)
        found = align(self.like, self.step(state, *args), "a state like the one the step takes")
        forms, floats, statics = iter(self.forms), [], []
        for k, (x, moves) in enumerate(zip(found, self.moves, strict=True)):
            if moves:
                floats.append(fitting(x, next(forms)))
            elif carries(x):
                raise TypeError(
                    f"{NAME}: the step returns a float where the state has {_static(self.like, k)};"
                    " give the loop a float there"
                )
            else:
                statics.append(x)
        return floats, statics

    def stop(self, floats, statics, params, constants):
        """Whether a state is the last one."""
        state, args = self.tree(floats, statics), self.args_of(params, constants)
        return bool(self.until(state, *args))

    def idle_places(self):
        """Where floats are 0 in all states: which loop says so, of what, and the place."""
        return []

    @property
    def n_state(self):
        """Numbers of a state."""
        return self.y_shape.size

    @property
    def n_bytes(self):
        """What a kept state takes."""
        sizes = [8 if form is None else size_of(*form) for form in self.forms]
        return sum(sizes) + BOOKKEEPING


class Tangents:
    """A loop beside its tangents: the state is that of the loop, and its tangent behind it.

    Floats that nothing traced has reached are idle: their tangents are 0, and are left out, since
    they would be NaN where a derivative is infinite. `idle` has those of which nothing else is
    known yet.
    """

    def __init__(self, loop):
        self.loop = loop
        self.is_wanted = loop.is_wanted * 2
        self.idle = {k for k, is_wanted in enumerate(loop.is_wanted) if not is_wanted}
        self.statics, self.n_steps, self.until = loop.statics, loop.n_steps, loop.until
        self.budget, self.forms = loop.budget, loop.forms * 2
        self.n_state = 2 * loop.n_state
        self.n_bytes = 2 * loop.n_bytes - BOOKKEEPING

    def split(self, z, rest):
        n = z.shape[0] // 2
        floats, params, constants = self.loop.split(z[:n], rest)
        dots, param_dots = self.loop.dots(z[n:])
        return floats + dots, params + param_dots, constants

    def dots(self, z_dot):
        n = z_dot.shape[0] // 2
        first, second = self.loop.dots(z_dot[:n]), self.loop.dots(z_dot[n:])
        return first[0] + second[0], first[1] + second[1]

    def joined(self, floats, params):
        n, m = len(floats) // 2, len(params) // 2
        halves = self.loop.joined(floats[:n], params[:m]), self.loop.joined(floats[n:], params[m:])
        return np.concatenate(halves)

    def go(self, floats, statics, params, constants):
        n, m = len(floats) // 2, len(params) // 2
        moving = [k for k in range(n) if k not in self.idle]

        def step(*leaves):
            found = list(floats[:n])
            for k, x in zip(moving, leaves, strict=False):
                found[k] = x
            return self.loop.go(found, statics, list(leaves[len(moving) :]), constants)

        primals, dots = (
            [half[k] for k in moving] + part
            for half, part in ((floats[:n], params[:m]), (floats[n:], params[m:]))
        )
        y, y_dot, statics = jvp(step, tuple(primals), tuple(dots), has_aux=True)
        return y + y_dot, statics

    def idle_places(self):
        n = len(self.loop.forms)
        return [(self, k, n + k) for k in sorted(self.idle)] + self.loop.idle_places()

    def stop(self, floats, statics, params, constants):
        n, m = len(floats) // 2, len(params) // 2
        return self.loop.stop(floats[:n], statics, params[:m], constants)


# -- leaves ----------------------------------------------------------------------------------


def leaf_of(x):
    """A leaf of state or arguments: NumPy's scalars as floats, or as arrays without axes."""
    if isinstance(x, complex | np.complexfloating | np.float16 | np.longdouble) or (
        isinstance(x, np.ndarray) and x.dtype.kind in "fc" and not carries(x)
    ):
        raise TypeError(
            f"{NAME} takes floats and arrays of float64 or float32; got "
            f"{getattr(x, 'dtype', type(x).__name__)}; convert it with .astype(float)"
        )
    if isinstance(x, np.float64):
        return float(x)
    if isinstance(x, np.float32):
        return np.asarray(x)
    if isinstance(x, np.ndarray) and not carries(x):
        return x.copy()  # static, whatever the user writes to it later
    return as_array(x) if isinstance(x, np.ndarray) and holds_traced(x) else x


def is_traced(x):
    return type(x) in (Array, Var)


def is_number(x):
    return type(x) in (float, Var)


def placeholder(x):
    """A leaf like `x` that takes no memory."""
    if is_number(x):
        return 0.0
    return np.broadcast_to(np.zeros((), x.dtype), x.shape) if carries(x) else x


def zero(form):
    return 0.0 if form is None else np.zeros(*form)


def size_of(shape, dtype):
    return int(np.prod(shape)) * dtype.itemsize


def fitting(x, form):
    """A leaf that a step returns, as the state has it."""
    if form is None:
        return x if is_number(x) else number_of(x)
    if not hasattr(x, "dtype"):
        x = as_array(x) if type(x) is Var else np.asarray(x, form[1])
    if x.dtype in (form[1], object):
        return x
    if x.dtype.kind not in "iu":
        raise TypeError(
            f"{NAME}: the step returns an array of {x.dtype} for one of {form[1]}; start from the "
            f"dtype that it returns, or end it with .astype(numpy.{form[1]})"
        )
    return x.astype(form[1])


def number_of(x):
    """A number that is no float, or an array without axes, as a number."""
    if carries(x) and shape_of(x) == ():
        return as_number(x)
    if isinstance(x, int | np.integer | np.floating) and not isinstance(x, bool):
        return float(x)
    raise TypeError(f"{NAME}: the step returns a {type(x).__name__} for a float")


def _static(like, k):
    found = Flat(like).leaves[k]
    return f"{found!r:.40} ({type(found).__name__})"
