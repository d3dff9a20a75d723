"""Own primitives: functions with rules of their own, for Python and for kernels in C."""

import functools
import inspect
import types

import numpy as np

from tapead._batched_calls import by_point
from tapead._containers import align, leaves, map_leaves
from tapead._joint import (
    Joint,
    any_traced,
    as_leaf,
    as_number,
    batched_level,
    carries,
    holds_series,
    is_leaf,
    shape_of,
)
from tapead._tape import is_expanding
from tapead.transforms import vjp


class primitive:  # noqa: N801 - a decorator
    """Function of arrays and numbers whose derivatives are given by rules.

    Parameters
    ----------
    function : callable
        Takes arrays, numbers and containers of them by position; gets plain ones, and returns
        plain ones: an array, a number, or a tuple or other container of them. May call a kernel
        that knows nothing of tracing. Integers, booleans and whatever else is no float are static,
        and so are keyword-only arguments.
    name : str, optional
        What errors and traces call it; by default the function's name.

    Raises
    ------
    TypeError
        If `function` is not callable. When called: if a keyword-only argument is traced, or while
        a `Program` of numbers, not of arrays, is recorded.

    See Also
    --------
    checkpoint : Derivatives by running a function again.
    testing.check_grads : Checks rules against differences, and against each other.

    Notes
    -----
    One rule is enough: the other mode is its transpose, which the engine finds by differentiating
    the rule, as it is linear in its adjoints or tangents. Derivatives of higher order come from
    differentiating the rules. Both need rules written with functions that can be traced: NumPy's,
    tapead's, other primitives.

    Within `vmap` a primitive is called once per point.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> @tapead.primitive
    ... def scaled(x, y, *, n=2):
    ...     return x**n * y
    >>> @scaled.pullback
    ... def _(v_bar, v, x, y, *, n):
    ...     return v_bar * n * x ** (n - 1) * y, v_bar * x**n
    >>> tapead.grad(scaled, argnums=(0, 1))(3.0, 2.0)
    (12.0, 9.0)
    >>> tapead.jvp(scaled, (3.0, 2.0), (1.0, 0.0))
    (18.0, 12.0)
    >>> tapead.grad(tapead.grad(scaled))(3.0, 2.0)
    4.0
    """

    def __init__(self, function, name=None):
        if not callable(function):
            raise TypeError(f"primitive needs a function; got {type(function).__name__}")
        functools.update_wrapper(self, function)
        self._function = function
        self._name = name or getattr(function, "__name__", type(function).__name__)
        self._pullback = self._pushforward = None
        self._signature = _signature_of(function)
        self._row = Joint(self._name, self._run, self._pull, self._push)

    def __call__(self, *args, **kwargs):
        level = batched_level((args, kwargs))
        if level is not None:
            return by_point(self, level, args, kwargs)
        if holds_series((args, kwargs)):
            return self._along_curve(*self._bound(args, kwargs))
        if not any_traced((args, kwargs)):
            return self._function(*args, **kwargs)
        args, kwargs = self._bound(args, kwargs)
        if any_traced(kwargs):
            names = [name for name, x in kwargs.items() if any_traced(x)]
            raise TypeError(
                f"the argument {names[0]} of primitive {self._name} is traced, but keyword-only "
                "arguments are constants; pass it by position, or tapead.stop_gradient of it"
            )
        if is_expanding():
            raise TypeError(
                f"primitive {self._name} cannot be recorded in a Program of numbers; give "
                "tapead.record arrays=True"
            )
        return self._row.apply((args, kwargs))

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        return f"<tapead.primitive {self._name}>"

    def pullback(self, rule):
        """Take a rule for reverse mode.

        Parameters
        ----------
        rule : callable
            ``rule(v_bar, v, *args, **kwargs)``: the adjoint of each positional argument, in its
            structure and shape, for the adjoint `v_bar` of the result `v`: a tuple, or for one
            argument its adjoint alone. None where there is no path, or where an argument is static.
            An adjoint of a result that nothing has reached comes as zeros. Default values of the
            function's arguments are filled in.

        Returns
        -------
        callable
            The rule.

        Raises
        ------
        TypeError
            If `rule` is not callable.
        """
        self._pullback = _rule(rule, self._name, "pullback")
        return rule

    def pushforward(self, rule):
        """Take a rule for forward mode.

        Parameters
        ----------
        rule : callable
            ``rule(*dots, v, *args, **kwargs)``: the tangent of the result `v`, in its structure and
            shape, for one tangent per positional argument, in the structure of the argument. A
            tangent that is absent comes as zeros; that of a static leaf as None.

        Returns
        -------
        callable
            The rule.

        Raises
        ------
        TypeError
            If `rule` is not callable.
        """
        self._pushforward = _rule(rule, self._name, "pushforward")
        return rule

    def _bound(self, args, kwargs):
        """Arguments by position where they may be, with the function's default values."""
        if self._signature is None:
            return args, kwargs
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def _along_curve(self, args, kwargs):
        from tapead._series_primitives import apply_rule

        if self._pushforward is None or holds_series(kwargs):
            wanted = "a pushforward" if self._pushforward is None else "its arguments by position"
            raise TypeError(
                f"primitive {self._name} needs {wanted} inside jet, which evaluates that along the "
                "curve"
            )
        return apply_rule(self, self._pushforward, args, kwargs)

    def _run(self, args, kwargs):
        return self._function(*args, **kwargs)

    # -- the rules as the row takes them -------------------------------------------------------

    def _pull(self, call, v_bars, vs, operands):
        if self._pullback is not None:
            return self._adjoints(call, v_bars, vs, operands)
        self._require_rule()
        traced = [i for i, is_traced in enumerate(call.traced) if is_traced]
        zeros = [_zero(operands[i], call.numbers[i]) for i in traced]

        def tangents(*dots):
            return self._tangents(call, dict(zip(traced, dots, strict=True)), vs, operands)

        bars = self._transposed("pushforward", tangents, zeros, v_bars)
        found = dict(zip(traced, bars, strict=True))
        return [found.get(i) for i in range(len(operands))]

    def _push(self, call, i, x_dot, vs, operands):
        if self._pushforward is not None:
            return self._tangents(call, {i: x_dot}, vs, operands)
        self._require_rule()

        def adjoint(*v_bars):
            found = self._adjoints(call, v_bars, vs, operands)[i]
            return [np.zeros(shape_of(x_dot)) if found is None else found]

        zeros = [_zero(v, not v.ndim) for v in vs]
        return self._transposed("pullback", adjoint, zeros, [x_dot])

    def _transposed(self, mode, linear, zeros, seeds):
        """The transpose of a rule applied to `seeds`."""
        try:
            _, pullback = vjp(linear, *zeros)
        except TypeError as error:
            if error.__cause__ is None:
                raise
            other = "pushforward" if mode == "pullback" else "pullback"
            raise TypeError(
                f"primitive {self._name} has no {other}, and its {mode} cannot be transposed: it "
                f"failed on traced arrays ({error.__cause__}); write it with NumPy's functions and "
                f"other primitives, or give {self._name} a {other}"
            ) from error.__cause__
        return pullback(list(map(as_leaf, seeds)))

    def _require_rule(self):
        if self._pullback is None and self._pushforward is None:
            raise TypeError(
                f"primitive {self._name} has no rule; give it one with @{self._name}.pullback or "
                f"@{self._name}.pushforward, or take tapead.stop_gradient of its arguments"
            )

    def _adjoints(self, call, v_bars, vs, operands):
        """Adjoints of the operands by the user's pullback."""
        args, kwargs = call.tree(operands)
        # a copy: another operation may hold the memory, and the user's code may write to it
        v_bars = [np.array(w) if type(w) is np.ndarray else w for w in v_bars]
        v, v_bar = _joined(call, vs), _joined(call, v_bars)
        bars = self._applied(self._pullback, "pullback", (v_bar, v, *args), kwargs)
        if len(args) == 1 and not isinstance(bars, tuple):
            bars = (bars,)
        if not isinstance(bars, tuple) or len(bars) != len(args):
            got = f"{len(bars)}" if isinstance(bars, tuple) else f"a {type(bars).__name__}"
            raise ValueError(
                f"the pullback of primitive {self._name} returns a tuple of {len(args)} adjoints, "
                f"one per positional argument (None where there is no path); got {got}"
            )
        return self._by_operand(call, args, bars)

    def _by_operand(self, call, args, bars):
        found = []
        for k, (arg, bar) in enumerate(zip(args, bars, strict=True)):
            if bar is None:
                found += [None] * len(leaves(arg))
                continue
            what = f"the pullback of primitive {self._name}: the adjoint of {self._argument(k)}"
            found += _leaves_like(arg, bar, what)
        return [found[k] for k in call.places]

    def _argument(self, k):
        """An argument's name, or else its position."""
        names = list(self._signature.parameters) if self._signature is not None else []
        return names[k] if k < len(names) else str(k)

    def _tangents(self, call, dots, vs, operands):
        """Tangents of the float leaves of the result by the user's pushforward."""
        args, kwargs = call.tree(operands)
        found = [0.0 if isinstance(leaf, float) else None for leaf in call.arguments.leaves]
        for i, (k, x, number) in enumerate(zip(call.places, operands, call.numbers, strict=True)):
            dot = dots[i] if i in dots else _zero(x, number)
            found[k] = as_number(dot) if number else dot
        dots = call.arguments.filled(found)[0]
        v = _joined(call, vs)
        v_dot = self._applied(self._pushforward, "pushforward", (*dots, v, *args), kwargs)
        what = f"the pushforward of primitive {self._name}: the tangent of the result"
        pairs = zip(leaves(v), _leaves_like(v, v_dot, what), strict=True)
        return [dot for x, dot in pairs if carries(x)]

    def _applied(self, rule, mode, args, kwargs):
        """A rule; an error that names it if it takes no traced values."""
        try:
            return rule(*args, **kwargs)
        except (TypeError, AttributeError) as error:
            if not any_traced(args):
                raise
            raise TypeError(
                f"the {mode} of primitive {self._name} takes no traced arrays, which a second "
                f"derivative or one in a Program gives it ({error}); write it with NumPy's "
                "functions and other primitives"
            ) from error


def _rule(rule, name, mode):
    if not callable(rule):
        raise TypeError(f"the {mode} of primitive {name} is a function; got {type(rule).__name__}")
    return rule


def _signature_of(function):
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a kernel that does not tell
        return None


def _zero(x, number):
    return 0.0 if number else np.zeros(x.shape, x.dtype)


def _joined(call, floats):
    """Leaves of the result, or their adjoints, in its structure."""
    return call.joined(tuple(map(as_leaf, floats)))


def _leaves_like(like, tree, what):
    """Leaves of `tree`, which a rule gave, in the order and with the shapes of those of `like`."""
    kept = [_Leaf(tree)]
    if not is_leaf(like):
        skeleton = map_leaves(lambda _: 0.0, like)
        kept = align(skeleton, map_leaves(_Leaf, tree), f"{what} in the structure of what it is of")
    found = [leaf.value for leaf in kept]
    for x, w in zip(leaves(like), found, strict=True):
        if not is_leaf(w):
            raise ValueError(f"{what} is a {type(w).__name__}; expected shape {shape_of(x)}")
        if carries(x) and w is not None and shape_of(w) != shape_of(x):
            raise ValueError(f"{what} has shape {shape_of(w)}; expected {shape_of(x)}")
    return found


class _Leaf:
    """Keeps a leaf from being looked into."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value
