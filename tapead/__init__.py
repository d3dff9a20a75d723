"""tapead: derivatives of plain Python functions, and the tables that show how they came about.

>>> import tapead
>>> def f(x1, x2):
...     return tapead.log(x1) + x1 * x2 - tapead.sin(x2)
>>> tapead.grad(f, argnums=(0, 1))(2.0, 5.0)
(5.5, 1.7163378145367738)
"""

from tapead import _installed, math, testing  # noqa: F401 - _installed comes first
from tapead._errors import TapeError, TapeMemoryError
from tapead._tape import Tape, Var
from tapead._version import __version__
from tapead.math import *  # noqa: F403 - one name for every public row of the table
from tapead.trace import Trace, trace
from tapead.transforms import (
    derivative,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
)

__all__ = [
    "Tape",
    "TapeError",
    "TapeMemoryError",
    "Trace",
    "Var",
    "__version__",
    "derivative",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "math",
    "testing",
    "trace",
    "value_and_grad",
    "vjp",
]
__all__ += math.__all__
