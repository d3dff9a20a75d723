"""Parameters in containers: as float64, and their bounds as those of a vector."""

import dataclasses

import numpy as np
from numpy import ndarray

from tapead._containers import describe, leaves
from tapead._joint import any_traced


def as_float64(leaf):
    """A parameter: a float, or an array of the caller's own."""
    if isinstance(leaf, ndarray | np.generic | float | int) and not isinstance(leaf, bool):
        numbers = np.asarray(leaf)
        if numbers.dtype.kind not in "fiu":
            raise TypeError(f"expected real parameters; got {numbers.dtype}")
        return numbers.astype(np.float64) if numbers.ndim else float(leaf)
    raise TypeError(
        f"expected floats and arrays of floats as parameters; got {type(leaf).__name__}: what is "
        "no parameter goes to args, or into the function"
    )


def as_vector(x, size, what="numbers, as x0 has"):
    """Real numbers as a vector of float64 of that size."""
    if any_traced(x):
        raise TypeError(
            "a function for SciPy takes plain numbers; got traced ones: differentiate the function "
            "itself, or what tapead.implicit.minimize and tapead.implicit.root give"
        )
    x = np.asarray(x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"expected a vector of float64; got an array of {x.dtype}")
    x = np.atleast_1d(np.ascontiguousarray(x, dtype=np.float64))
    if x.shape != (size,):
        raise ValueError(f"expected a vector of {size} {what}; got an array of shape {x.shape}")
    return x


def bounds_of(shape, lower, upper, always=False):
    """Bounds in SciPy's form; None if there are none, unless they are `always` wanted.

    Parameters
    ----------
    shape : tapead._ravel.Raveled
        Of the parameters.
    lower, upper : float, array, container or None
    always : bool

    Returns
    -------
    scipy.optimize.Bounds or None
    """
    if lower is None and upper is None and not always:
        return None
    from scipy.optimize import Bounds

    places = shape.tree(np.arange(shape.size, dtype=np.float64))
    found = np.full(shape.size, -np.inf), np.full(shape.size, np.inf)
    for name, out, bound in zip(("lower", "upper"), found, (lower, upper), strict=True):
        _put(out, places, bound, name)
    crossed = np.flatnonzero(found[0] > found[1])
    if crossed.size:
        i = crossed[0]
        raise ValueError(
            f"expected lower <= upper; got {found[0][i]} > {found[1][i]} for number {i} of the "
            "vector of parameters"
        )
    return Bounds(*found)


def _put(out, places, bound, where):
    """Write a bound to the places in a vector that a container of them names."""
    if bound is None:
        return
    children = _children(places)
    if children is None or isinstance(bound, float | int | np.generic):
        for leaf in leaves(places):
            index = np.asarray(leaf, dtype=np.intp)
            out[index] = _numbers(bound, out[index], where)
        return
    bounds = _children(bound)
    if bounds is None or not bounds.keys() <= children.keys():
        raise _misfit(places, bound, where)
    if bounds.keys() != children.keys() and not isinstance(bound, dict):
        raise _misfit(places, bound, where)
    for key, child in bounds.items():
        _put(out, children[key], child, f"{where}[{key!r}]")


def _numbers(bound, unbounded, where):
    """A bound for each number of an array; None in it leaves what is there."""
    bound = np.asarray(bound, dtype=object)
    try:
        bound = np.broadcast_to(bound, unbounded.shape)
        numbers = np.where(np.equal(bound, None), unbounded, bound).astype(np.float64)
    except (ValueError, TypeError):
        raise ValueError(
            f"expected {where} as real numbers of shape {unbounded.shape} or what broadcasts to "
            f"it; got {describe(bound)} that is {bound!r:.60}"
        ) from None
    if np.isnan(numbers).any():
        raise ValueError(f"expected {where} to be numbers or None; got NaN")
    return numbers


def _misfit(places, bound, where):
    return ValueError(
        f"expected {where} like the parameters, {describe(places)}; got {describe(bound)}: a dict "
        "may leave out keys, and None is for no bound"
    )


def _children(tree):
    """Children of a container by key, None of anything else."""
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, list | tuple):
        return dict(enumerate(tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
    return None
