"""jet and taylor: derivatives of any order along a curve, by Taylor arithmetic."""

import contextlib
import math
import sys

import numpy as np

from tapead import _numpy, _vmap
from tapead._array import Array, as_array
from tapead._batched import BatchedArray
from tapead._containers import align, leaves, map_leaves
from tapead._numpy import holds_traced
from tapead._series import Expansion, Series, arrayed, filled, number
from tapead._tape import Var

MOST_ORDER = 170  # 171! is beyond the floats
_NUMBERS = (float, int, np.floating, np.integer)


def jet(f, primals, series):
    """Value of `f` along a curve, and its derivatives with respect to the curve's parameter.

    Parameters
    ----------
    f : callable
        Takes and returns numbers, arrays of floats and containers of them; may be a `Program` or
        what `compile` made.
    primals : tuple
        Arguments of `f`: where the curve is at t = 0.
    series : tuple
        For each argument the list of its derivatives with respect to t, from the first on, each in
        the structure of the argument; None for an argument that does not vary. All lists are of one
        length, the order.

    Returns
    -------
    y
        Result of `f`.
    terms : list
        Its derivatives with respect to t, as many, each in the structure of the result.

    Raises
    ------
    TypeError
        If an argument is not one of floats, or `f` applies a function without a rule.
    ValueError
        If the derivatives do not fit the arguments, or are more than 170.
    BranchChanged
        If `f` is a `Program` that was recorded along another branch.

    See Also
    --------
    taylor : Coefficients of ``f(x + t)``.
    jvp : The first derivative alone.

    Notes
    -----
    The cost grows with the square of the order, that of nested `jvp` with a power of 2 [1]_. A
    power of zero with other than a whole exponent, functions whose derivatives never close (gamma)
    and array primitives whose rule is for the first derivative (decompositions, extrema) take the
    cube of the order.
    Branches, `abs`, `maximum` and their like go on as they do at t = 0.

    References
    ----------
    .. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, chapter 13.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> y, terms = tapead.jet(np.exp, (0.0,), ([1.0, 0.0, 0.0],))
    >>> y, terms
    (1.0, [1.0, 1.0, 1.0])
    >>> y_dot = np.array([0.0, 0.0, 5.0])
    >>> tapead.jet(lambda x, y: x * np.sum(y), (2.0, np.ones(3)), ([1.0], [y_dot]))
    (6.0, [13.0])
    """
    if not callable(f):
        raise TypeError(f"jet needs a function; got {type(f).__name__}")
    primals, series = _checked(primals, series)
    lengths = {len(terms) for terms in series if terms is not None}
    if len(lengths) > 1:
        raise ValueError(f"jet needs series of one length; got lengths {sorted(lengths)}")
    order = lengths.pop() if lengths else 0
    if order > MOST_ORDER:
        raise ValueError(
            f"jet takes at most {MOST_ORDER} derivatives, whose factorials are floats; got {order}"
        )
    pairs = enumerate(zip(primals, series, strict=True))
    columns = [_columns(x, terms, i) for i, (x, terms) in pairs]
    y, parts = _expanded(f, primals, columns, order)
    return y, [_derivative(y, parts, k) for k in range(1, order + 1)]


def _derivative(y, parts, k):
    """The derivative of order k in the structure of the result."""
    queue = iter(parts)
    return map_leaves(lambda _: next(queue)[k] * float(math.factorial(k)), y)


def taylor(f, x, order, direction=None):
    """Taylor coefficients of ``f(x + t)``.

    Parameters
    ----------
    f : callable
        A function of one argument, a number or an array of floats.
    x : float or ndarray
        The point of expansion.
    order : int
        The highest order.
    direction : float or ndarray, optional
        The coefficients are those of ``f(x + t * direction)`` then; by default it is ones.

    Returns
    -------
    ndarray or container of them, shape (order + 1, ...)
        ``c`` with ``f(x + t) = c[0] + c[1] * t + c[2] * t**2 + ...``; the shape of the result
        follows behind the first axis. The derivatives are ``c[k] * k!``.

    Raises
    ------
    TypeError
        If `x` is not one of floats, or `f` applies a function without a rule.
    ValueError
        If `order` is negative.

    See Also
    --------
    jet : Along any curve, with several arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> tapead.taylor(lambda x: 1 / (1 - x), 0.0, 4)
    array([1., 1., 1., 1., 1.])
    >>> tapead.taylor(np.square, np.array([1.0, 2.0]), 2)
    array([[1., 4.],
           [2., 4.],
           [1., 1.]])
    """
    if not callable(f):
        raise TypeError(f"taylor needs a function; got {type(f).__name__}")
    if isinstance(order, bool) or not isinstance(order, int | np.integer):
        raise TypeError(f"taylor needs an int as the order; got {type(order).__name__}")
    if order < 0:
        raise ValueError(f"taylor needs an order of at least 0; got {order}")
    x = _float_leaf(x, "taylor", "x")
    terms = [] if order == 0 else [_direction(direction, x)]
    y, parts = _expanded(f, (x,), [[terms]], int(order))
    queue = iter(parts)
    return map_leaves(lambda _: _stacked(next(queue)), y)


def _checked(primals, series):
    for name, given in (("primals", primals), ("series", series)):
        if not isinstance(given, tuple | list):
            raise TypeError(
                f"jet takes {name} as a tuple with one entry per argument of f; got "
                f"{type(given).__name__}"
            )
    if len(primals) != len(series):
        raise ValueError(
            f"jet needs a series for each argument; got {len(primals)} primals and {len(series)} "
            "series"
        )
    for terms in series:
        if terms is not None and not isinstance(terms, tuple | list):
            raise TypeError(
                "jet takes the series of an argument as a list of its derivatives, or None; got "
                f"{type(terms).__name__}"
            )
    primals = tuple(
        map_leaves(lambda leaf: _float_leaf(leaf, "jet", "an argument"), x)
        if terms is not None else x
        for x, terms in zip(primals, series, strict=True)
    )  # fmt: skip
    return primals, list(series)


def _float_leaf(leaf, transform, what):
    """A leaf that varies: a float, an array of floats, or what stands for one."""
    if isinstance(leaf, bool | np.bool_):
        raise TypeError(f"{transform} needs floats or arrays of them as {what}; got a bool")
    if isinstance(leaf, int | np.integer):
        return float(leaf)
    if isinstance(leaf, np.ndarray) and holds_traced(leaf):
        return as_array(leaf)
    dtype = getattr(leaf, "dtype", None)
    if dtype is not None and dtype.kind != "f":
        raise TypeError(
            f"{transform} needs floats or arrays of them as {what}; got an array of {dtype}; "
            "convert it with x.astype(float)"
        )
    if dtype is None and not isinstance(leaf, float | Var):
        raise TypeError(
            f"{transform} needs floats or arrays of them as {what}; got {type(leaf).__name__}"
        )
    return leaf


def _columns(x, terms, position):
    """By leaf of an argument: its Taylor coefficients from order 1 on; None for what is fixed."""
    if terms is None:
        return None
    what = f"series {position} in the structure of its argument"
    found = [align(x, term, what) for term in terms]
    columns = []
    for i, leaf in enumerate(leaves(x)):
        column = [_term(row[i], leaf, position) for row in found]
        columns.append([c / math.factorial(k) for k, c in enumerate(column, start=1)])
    return columns


def _term(term, leaf, position):
    if isinstance(term, _NUMBERS) and not isinstance(term, bool) and not np.ndim(leaf):
        return float(term) if isinstance(term, int | np.integer) else term
    if np.shape(term) != np.shape(leaf):
        raise ValueError(
            f"jet needs derivatives in the shape of the argument: series {position} has one of "
            f"shape {np.shape(term)} for shape {np.shape(leaf)}"
        )
    return _float_leaf(term, "jet", f"series {position}")


def _direction(direction, x):
    if direction is None:
        return np.ones(np.shape(x), x.dtype) if np.ndim(x) else 1.0
    return _term(direction, x, 0)


def _stacked(coefficients):
    """Coefficients along a first axis."""
    if any(hasattr(type(c), "__tapead_traced__") or type(c) is Var for c in coefficients):
        return np.stack([arrayed(c) for c in coefficients])
    return np.array(coefficients)


# -- the function along the curve ---------------------------------------------------------------


def _expanded(f, primals, columns, order):
    """The result, and by leaf its Taylor coefficients."""
    program = sys.modules.get("tapead._program")
    if program is not None and isinstance(f, program.Recorded):
        from tapead._jet_programs import replayed

        found = replayed(f, primals, columns, order)
        if found is not None:
            return found
        return _evaluated(_source(f), primals, columns, order)
    arrays = sys.modules.get("tapead._array_program")
    if arrays is not None and isinstance(f, arrays.ArrayProgram):
        f = _source(f)
    return _evaluated(f, primals, columns, order)


def _source(program):
    """The function that a program was recorded from."""
    if program.__wrapped__ is None:
        raise TypeError(
            "jet of a program of arrays, or at traced arguments, calls the function that the "
            "program was recorded from, which this one does not have; call jet of the function"
        )
    return program.__wrapped__


def _evaluated(f, primals, columns, order):
    level = Expansion(next(_vmap._depths), order)
    args = []
    for x, terms in zip(primals, columns, strict=True):
        queue = iter(terms or ())
        args.append(
            x if terms is None
            else map_leaves(lambda c, queue=queue: _series(c, next(queue), level, order), x)
        )  # fmt: skip
    with _vmap.running(level), _creating(level):
        result = f(*args)
    parts = [_coefficients(leaf, level, order) for leaf in leaves(result)]
    queue = iter(parts)
    return map_leaves(lambda _: next(queue)[0], result), parts


@contextlib.contextmanager
def _creating(level):
    """Within it arrays that tapead.numpy makes take values of `level`."""
    before = _numpy.created.along
    _numpy.created.along = lambda made: _along(made, level)
    try:
        yield
    finally:
        _numpy.created.along = before


def _along(made, level):
    real = isinstance(made, np.ndarray | Array) and made.ndim and made.dtype.kind == "f"
    return Series([made], level, level.order) if real else made


def _series(x, terms, level, order):
    """An argument along the curve, which the function may write to."""
    return Series([c.copy() if np.ndim(c) else c for c in (x, *terms)], level, order)


def _coefficients(leaf, level, order):
    """The Taylor coefficients of a result."""
    if type(leaf) is Series and leaf.level is level:
        return leaf.coefficients
    if _holds(leaf, level):
        raise TypeError(
            "jet got a result in which values inside it are wrapped by another transform; put "
            "tapead.vmap outside of jet"
        )
    if isinstance(leaf, np.ndarray) and holds_traced(leaf):
        leaf = as_array(leaf)
    if isinstance(leaf, bool | np.bool_) or not _is_real(leaf):
        raise TypeError(
            f"jet needs a function that returns floats or arrays of them; got {_named(leaf)}"
        )
    leaf = float(leaf) if isinstance(leaf, int) else leaf
    return filled([number(leaf)], order)


def _is_real(leaf):
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "fiu"
    return isinstance(leaf, int | float | Var | Array | BatchedArray | Series)


def _named(leaf):
    dtype = getattr(leaf, "dtype", None)
    return type(leaf).__name__ if dtype is None else f"an array of {dtype}"


def _holds(leaf, level):
    """Whether a value of `level` is wrapped in something else."""
    while type(leaf) is BatchedArray or type(leaf) is Series:
        if type(leaf) is Series and leaf.level is level:
            return True
        leaf = leaf.data if type(leaf) is BatchedArray else leaf.coefficients[0]
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        return any(_holds(item, level) for item in leaf.flat)
    return False
