"""NumPy's namespace, for functions that are differentiated: ``import tapead.numpy as np``.

Every name is NumPy's own, with three differences. A function sees traced values inside lists too.
And during a recording the functions that create arrays of floats (zeros, empty, linspace, copy,
zeros_like, array of a list, ...) return a traced array that depends on nothing yet, so that traced
values can be written to it. `max` and `tensordot` of windows, which `sliding_window_view` makes,
go through the image they are of, whether it is traced or not.

Examples
--------
>>> import tapead
>>> import tapead.numpy as np
>>> def running_product(x):
...     z = np.ones(len(x))
...     for i in range(len(x)):
...         z[i] = z[i - 1] * x[i]
...     return np.sum(z)
>>> tapead.grad(running_product)(np.array([2.0, 3.0, 4.0]))
array([16., 10.,  6.])
"""

import functools

import numpy as np

from tapead import _array, _numpy, _tape
from tapead.primitives import FUNCTIONS
from tapead.primitives._creation import CREATORS
from tapead.primitives._images import OF_WINDOWS
from tapead.primitives._row import batched_in

__all__ = []  # a star would take Python's own sum, max and abs away


@functools.cache  # not in globals(): any, all and max there are Python's
def __getattr__(name):
    if name.startswith("_") and name not in np.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _adapted(getattr(np, name))


def __dir__():
    return dir(np)


def _adapted(value):
    """A name of NumPy's as a recording needs it."""
    if not callable(value) or isinstance(value, type | np.ufunc):
        return value
    if value in CREATORS:
        return _creator(value, FUNCTIONS[value].call)
    if value in OF_WINDOWS:
        return _function(value, FUNCTIONS[value].call, OF_WINDOWS[value])
    return _function(value, FUNCTIONS[value].call) if value in FUNCTIONS else value


def _function(function, answer, of_windows=None):
    """`function`, answered where an argument is traced or holds something traced."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        batched = batched_in((args, tuple(kwargs.values())))
        if batched is not None:
            return batched.__array_function__(function, (), args, kwargs)
        if any(map(_holds_traced, (*args, *kwargs.values()))) and not _tape.is_expanding():
            return answer(*args, **kwargs)
        found = None if of_windows is None else of_windows(*args, **kwargs)
        return function(*args, **kwargs) if found is None else found

    return call


def _holds_traced(x):
    if isinstance(x, list | tuple):
        return any(map(_holds_traced, x))
    return isinstance(x, _array.Array | _tape.Var)


def _creator(function, answer):
    """`function`, whose result takes traced values during a recording."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        batched = batched_in((args, tuple(kwargs.values())))
        if batched is not None:
            return batched.__array_function__(function, (), args, kwargs)
        plainly = not _array.recording() or "like" in kwargs
        if not plainly and _tape.is_expanding():
            return _expanded(function(*args, **kwargs))
        made = (function if plainly else answer)(*args, **kwargs)
        return made if _numpy.created.along is None else _numpy.created.along(made)

    return call


def _expanded(made):
    """An array that takes the numbers of a Program, which are recorded one by one."""
    if isinstance(made, np.ndarray) and made.dtype.kind in "fO":
        return _numpy.elements(made)
    return made
