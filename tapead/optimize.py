"""Functions for SciPy's solvers: value and derivatives of a recorded function of a vector."""

import numpy as np

from tapead._array_program import ArrayProgram
from tapead._containers import copied, map_leaves
from tapead._joint import any_traced, is_leaf, shape_of
from tapead._objectives import Objective, VectorObjective, made_objective
from tapead._parameters import as_float64, bounds_of
from tapead._program import Program
from tapead._program import record as recorded
from tapead._ravel import Raveled, raveled

__all__ = ["Objective", "VectorObjective", "objective"]

FORMS = ("dense", "sparse", "operator")


def objective(f, x0, *, args=(), lower=None, upper=None, form="dense", record=True):
    """Value and derivatives of a function, as the solvers of ``scipy.optimize`` ask for them.

    Parameters
    ----------
    f : callable
        ``f(x, *args)``, for `x` in the structure of `x0`: returns one number, or an array or
        container of numbers. It must depend on its arguments only: what it takes from elsewhere is
        a constant.
    x0 : float, array or container of them
        Where the solver starts. Lists, tuples, dicts, named tuples and dataclasses stay what they
        are: for a vector give an array. All numbers are taken as float64.
    args : tuple, default ()
        Further arguments. Their arrays are copied.
    lower, upper : float, array or container, optional
        Bounds, in the structure of `x0` or less: a number holds for all that is in its place, None
        or a missing key of a dict for no bound.
    form : {"dense", "sparse", "operator"}, default "dense"
        Matrices are arrays, ``scipy.sparse.csr_array``, or
        ``scipy.sparse.linalg.LinearOperator`` whose products are sweeps.
    record : bool, default True
        Whether `f` is recorded, as ``tapead.record(f, x0, on_branch="record")`` does it. If not,
        it runs in Python at each point.

    Returns
    -------
    Objective or VectorObjective
        The second if `f` returns an array or a container.

    Raises
    ------
    TypeError
        If `x0` holds other things than real numbers, or `f` is not differentiable in tapead.
    ValueError
        If `x0` is empty, or bounds do not fit it.

    See Also
    --------
    tapead.implicit.minimize : Whose result is differentiable.

    Notes
    -----
    A `Program` or `ArrayProgram` of a vector is taken as it is, whatever it does where a branch
    changes.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from scipy import optimize
    >>> def loss(p):
    ...     return np.sum((p["slope"] * np.arange(4.0) + p["offset"] - [1.0, 3.0, 5.0, 7.0]) ** 2)
    >>> o = tapead.optimize.objective(loss, {"slope": 1.0, "offset": 0.0}, lower={"offset": 0.0})
    >>> found = optimize.minimize(o.fun, o.x0, jac=o.jac, bounds=o.bounds)
    >>> {name: round(x, 4) for name, x in o.unravel(found.x).items()}
    {'slope': 2.0, 'offset': 1.0}
    """
    if not callable(f):
        raise TypeError(f"objective needs a function; got {type(f).__name__}")
    if form not in FORMS:
        raise ValueError(f"form is one of {', '.join(map(repr, FORMS))}; got {form!r}")
    args = args if isinstance(args, tuple) else (args,)
    if any_traced((x0, args)):
        raise TypeError(
            "objective takes plain numbers; got traced ones: a solver cannot be differentiated "
            "through, tapead.implicit.minimize and tapead.implicit.root can"
        )
    x0 = map_leaves(as_float64, x0)
    args = copied(args)
    made = _rebuilt, (f, x0, args, lower, upper, form, record)
    shape, start = Raveled(x0), np.array(raveled(x0))
    if start.size == 0:
        raise ValueError("objective needs at least one number in x0; got none")
    function, value = _function(f, x0, args, shape, start, record)
    bounds = bounds_of(shape, lower, upper, np.shape(value) != ())  # least_squares takes no None
    return made_objective(function, value, start, shape, bounds, form, made)


def _rebuilt(f, x0, args, lower, upper, form, record):
    """What `objective` made of these: a pickle holds the function, not its recording."""
    return objective(f, x0, args=args, lower=lower, upper=upper, form=form, record=record)


def _function(f, x0, args, shape, start, record):
    """A function of a vector that returns a number or a vector, and its value at the start."""
    is_vector = shape_of(x0) == start.shape
    if is_vector and not args and isinstance(f, Program | ArrayProgram):
        value = f(start)
        if _is_vector_s(f, value, start):
            return f, value

    def function(x):
        y = f(x if is_vector else shape.tree(x), *args)
        return y if is_leaf(y) and len(shape_of(y)) < 2 else raveled(y)

    if record:
        function = recorded(function, start, on_branch="record")
        return function, function(start)
    return function, function(start.copy())


def _is_vector_s(program, value, start):
    """Whether a program gives a number with a gradient, or a vector with a Jacobian."""
    if isinstance(value, float):
        return isinstance(program.grad(start), np.ndarray)  # no tuple, as for argnums=(0,)
    return isinstance(value, np.ndarray) and value.ndim == 1
