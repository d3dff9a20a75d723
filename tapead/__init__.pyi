from tapead import math, testing
from tapead._errors import TapeError, TapeMemoryError
from tapead._tape import Tape, Var
from tapead._version import __version__
from tapead.math import *
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
