"""Arrays made of traced numbers and arrays."""

import numpy as np

from tapead._array import as_array
from tapead.primitives import FUNCTIONS
from tapead.primitives._row import is_traced, takes_batched


@takes_batched
def array(values, dtype=None):
    """Make an array of numbers and arrays, traced if one of them is.

    Parameters
    ----------
    values : float, Var, Array, ndarray or nested sequence of them
    dtype : dtype, optional
        Either numpy.float64 or numpy.float32 where something is traced.

    Returns
    -------
    Array or ndarray

    Raises
    ------
    TypeError
        If something is traced and something else is not a real number.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> def f(x):
    ...     return np.sum(tapead.array([x, x * x, 1.0]) ** 2)
    >>> tapead.grad(f)(2.0)
    36.0
    """
    array = as_array(values)
    return FUNCTIONS[np.array].call(array, dtype) if is_traced(array) else np.array(array, dtype)


@takes_batched
def stack(arrays, axis=0):
    """Join numbers or arrays of one shape along a new axis.

    Parameters
    ----------
    arrays : sequence of float, Var, Array or ndarray
    axis : int, default 0
        The new axis, in the result.

    Returns
    -------
    Array or ndarray

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> tapead.grad(lambda x: np.prod(tapead.stack([x, 3.0 * x])))(2.0)
    12.0
    """
    return FUNCTIONS[np.stack].call(list(arrays), axis)
