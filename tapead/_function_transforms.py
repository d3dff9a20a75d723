"""Functions made of functions: elementwise derivatives, recomputation, values without a path."""

import functools

import numpy as np

from tapead._array import Array, records_arrays
from tapead._batched import BatchedArray
from tapead._containers import map_leaves
from tapead._joint import Flat, Joint, any_traced, as_leaf, as_number, carries
from tapead._numpy import holds_traced, plain
from tapead._tape import Var, is_expanding
from tapead.primitives import Primitive
from tapead.primitives._core import keep
from tapead.transforms import jvp, vjp


def elementwise_grad(f, argnums=0):
    """Derivative of a function of arrays, element by element.

    Parameters
    ----------
    f : callable
        Computes every element of its result from the elements of its arguments in the same place;
        they broadcast.
    argnums : int or tuple of int, default 0
        Positional arguments to differentiate with respect to: numbers or arrays of floats.

    Returns
    -------
    callable
        Takes the arguments of `f` and returns the derivative at every element, in the shape of the
        result of `f`; a tuple of them for a tuple of `argnums`.

    Raises
    ------
    TypeError
        When called: if an argument is not differentiable.
    ValueError
        When called: if the shape of the result is not that of the arguments, broadcast.

    See Also
    --------
    grad : Of a function that returns one number.
    jacobian : Of a function that mixes elements.

    Notes
    -----
    It is the gradient of the sum of the results, by one reverse sweep for all elements.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> tapead.elementwise_grad(np.tanh)(np.array([0.0, 0.5, 1.0]))
    array([1.        , 0.78644773, 0.41997434])
    >>> slope = tapead.elementwise_grad(lambda x, n: x**n)
    >>> slope(np.array([1.0, 2.0]), np.array([[2.0], [3.0]]))
    array([[ 2.,  4.],
           [ 3., 12.]])
    """
    if not callable(f):
        raise TypeError(f"elementwise_grad needs a function; got {type(f).__name__}")
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)

    @functools.wraps(f)
    def derivative(*args, **kwargs):
        chosen = [args[_position(i, len(args))] for i in wanted]
        found = _slopes(_varied(f, args, kwargs, wanted), chosen)
        return found if isinstance(argnums, tuple) else found[0]

    return derivative


def _position(i, n):
    if not isinstance(i, int) or isinstance(i, bool):
        raise TypeError(f"argnums is an int or a tuple of ints; got {i!r}")
    if not -n <= i < n:
        raise TypeError(
            f"elementwise_grad has argnums={i}, but the function was called with {n} positional "
            "arguments; pass it by position"
        )
    return i


def _varied(f, args, kwargs, positions):
    """`f` as a function of the arguments in `positions`."""

    def varied(*chosen):
        found = list(args)
        for i, x in zip(positions, chosen, strict=True):
            found[i] = x
        return f(*found, **kwargs)

    return varied


def _slopes(f, chosen):
    """Derivatives of the elements of ``f(*chosen)``, in its shape."""
    y, pullback = vjp(f, *chosen)
    shape = np.shape(y)
    if any(np.shape(x) != shape for x in chosen):
        y, pullback = vjp(f, *[_broadcast(x, shape) for x in chosen])
        if np.shape(y) != shape:
            raise ValueError(_mixes(shape, [np.shape(x) for x in chosen]))
    return pullback(np.ones(shape, y.dtype) if shape else 1.0)


def _broadcast(x, shape):
    try:
        return np.broadcast_to(x, shape).copy()
    except ValueError:
        raise ValueError(_mixes(shape, [np.shape(x)])) from None


def _mixes(got, shapes):
    return (
        "elementwise_grad needs a function that gives one element for each element of its "
        f"arguments; got a result of shape {got} for arguments of shape "
        f"{', '.join(map(str, shapes))}; use tapead.grad for one number, tapead.jacobian otherwise"
    )


def stop_gradient(x):
    """The values of `x`, without a path to what they were computed from.

    Parameters
    ----------
    x : float, Var, ndarray, Array or container of them

    Returns
    -------
    float, ndarray or container of them
        Plain copies of traced numbers and arrays; whatever is not traced as it is.

    Raises
    ------
    TypeError
        While a `Program` of numbers is recorded, in which the value would become a constant. One of
        arrays computes it anew.

    See Also
    --------
    checkpoint : Keeps the derivative, and does not keep the values in between.

    Examples
    --------
    >>> import tapead
    >>> tapead.grad(lambda x: x * tapead.stop_gradient(x))(3.0)
    3.0
    """
    return map_leaves(_stopped, x)


_without_path = Primitive(
    "stop_gradient",
    np.array,
    lambda i, v_bar, v, x: None,
    lambda i, x_dot, v, x: keep(x_dot, np.zeros(v.shape, bool)),
    reads="",
    moves="both",
    adjoints=("no path",),
)


def _stopped(leaf):
    if hasattr(type(leaf), "__tapead_series__"):
        return _stopped(leaf.coefficients[0])
    if type(leaf) is not Array and not holds_traced(leaf):
        return leaf.value if type(leaf) is BatchedArray else leaf
    if is_expanding():
        raise TypeError(
            "stop_gradient of a traced value would become a constant of a Program of numbers; "
            "give tapead.record arrays=True"
        )
    if records_arrays():
        return _without_path(leaf)
    if type(leaf) is Array or type(leaf) is Var:
        return leaf.value
    return plain(leaf).astype(float)


def checkpoint(f):
    """Function with the values and derivatives of `f` that keeps nothing in between.

    A recording holds the arguments and the results alone; a sweep runs `f` again. The memory of
    what happens inside `f` is traded for a second evaluation.

    Parameters
    ----------
    f : callable
        Takes and returns floats, arrays of floats and containers of them (anything else is static).
        It must give the same results when it is called again, and not write to its arguments.

    Returns
    -------
    callable
        Takes the arguments of `f`. Derivatives of any order and in both modes are those of `f`.

    Raises
    ------
    TypeError
        When called: if `f` uses traced values that are not among its arguments.

    See Also
    --------
    checkpointed_loop : Many steps, from states that are kept in a given number of bytes.
    stop_gradient : Drops the derivative.

    Notes
    -----
    A chain of n steps of which every segment of about sqrt(n) steps is a checkpoint takes memory
    for about 2 sqrt(n) steps [1]_.

    References
    ----------
    .. [1] T. Chen, B. Xu, C. Zhang and C. Guestrin, "Training deep nets with sublinear memory
       cost", arXiv:1604.06174, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> def layer(w, x):
    ...     return np.tanh(w * np.sin(w * np.exp(w * x)))
    >>> def memory(f):
    ...     with tapead.Tape() as tape:
    ...         x = tape.variable(np.ones(10_000))
    ...         y = np.sum(f(0.1, f(0.2, x)))
    ...     return tape.nbytes
    >>> memory(tapead.checkpoint(layer)) < 0.5 * memory(layer)
    True
    """
    if not callable(f):
        raise TypeError(f"checkpoint needs a function; got {type(f).__name__}")
    name = f"checkpoint({getattr(f, '__name__', type(f).__name__)})"
    row = Joint(name, _protected(f), _pull(f), _push(f), reads="*")

    @functools.wraps(f)
    def checkpointed(*args, **kwargs):
        if is_expanding() or not any_traced((args, kwargs)):
            return f(*args, **kwargs)
        return row.apply((args, kwargs))

    return checkpointed


def _protected(f):
    """`f` with plain arguments that it cannot write to: the tape may hold them."""

    def protected(*tree):
        args, kwargs = map_leaves(_read_only, tree)
        return f(*args, **kwargs)

    return protected


def _read_only(leaf):
    if isinstance(leaf, np.ndarray):
        leaf = leaf.view()
        leaf.flags.writeable = False
    return leaf


def _pull(f):
    def pull(call, v_bars, vs, operands):
        active = [i for i, traced in enumerate(call.traced) if traced]
        _, pullback = vjp(_outputs(f, call, operands, active), *_chosen(call, operands, active))
        found = dict(zip(active, pullback(list(map(as_leaf, v_bars))), strict=True))
        return [found.get(i) for i in range(len(operands))]

    return pull


def _push(f):
    def push(call, i, x_dot, vs, operands):
        x, x_dot = _chosen(call, [operands[i], x_dot], [0, 1], call.numbers[i])
        return jvp(_outputs(f, call, operands, [i]), (x,), (x_dot,))[1]

    return push


def _outputs(f, call, operands, active):
    """The float leaves of the result as a list, as a function of the operands in `active`."""

    def outputs(*chosen):
        found = list(operands)
        for i, x in zip(active, chosen, strict=True):
            found[i] = x
        args, kwargs = call.tree(found)
        return list(filter(carries, Flat(f(*args, **kwargs)).leaves))

    return outputs


def _chosen(call, operands, active, number=None):
    """Operands as a transform takes them: numbers are no arrays without axes."""
    return [
        as_number(operands[i]) if (call.numbers[i] if number is None else number) else operands[i]
        for i in active
    ]
