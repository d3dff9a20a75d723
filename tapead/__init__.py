"""tapead: derivatives of plain Python functions, and the tables that show how they came about.

>>> import tapead
>>> def f(x1, x2):
...     return tapead.log(x1) + x1 * x2 - tapead.sin(x2)
>>> tapead.grad(f, argnums=(0, 1))(2.0, 5.0)
(5.5, 1.7163378145367738)
"""

import importlib

from tapead import _installed, math  # noqa: F401 - _installed comes first
from tapead._array import Array
from tapead._errors import BranchChanged, TapeError, TapeMemoryError
from tapead._tape import Tape, Var
from tapead._version import __version__
from tapead.math import *  # noqa: F403 - one name for every public row of the table
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
    "Array",
    "ArrayProgram",
    "BranchChanged",
    "Program",
    "Status",
    "Tape",
    "TapeError",
    "TapeMemoryError",
    "Trace",
    "Var",
    "__version__",
    "array",
    "checkpoint",
    "checkpointed_loop",
    "compile",
    "derivative",
    "distributed",
    "elementwise_grad",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jet",
    "jvp",
    "load",
    "log_softmax",
    "logsumexp",
    "math",
    "nn",
    "one_hot",
    "optim",
    "optimize",
    "primitive",
    "record",
    "set_num_threads",
    "softmax",
    "sparse_hessian",
    "sparse_jacobian",
    "stack",
    "stop_gradient",
    "taylor",
    "testing",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
__all__ += math.__all__

_LATE = {"Trace": "tapead._trace", "trace": "tapead._trace"}
_LATE |= dict.fromkeys(("get_num_threads", "set_num_threads"), "tapead._executor")
_LATE |= {"ArrayProgram": "tapead._array_program"}
_LATE |= {"checkpointed_loop": "tapead._checkpointed_loop"}
_LATE |= dict.fromkeys(("array", "stack"), "tapead._arrays")
_LATE |= dict.fromkeys(
    ("log_softmax", "logsumexp", "one_hot", "softmax"), "tapead.primitives._smooth"
)
_LATE |= dict.fromkeys(
    ("checkpoint", "elementwise_grad", "stop_gradient"), "tapead._function_transforms"
)
_LATE |= {"primitive": "tapead._own_primitives", "vmap": "tapead._vmap"}
_LATE |= dict.fromkeys(("jet", "taylor"), "tapead._jet")
_LATE |= dict.fromkeys(("sparse_hessian", "sparse_jacobian"), "tapead._sparse_transforms")
_LATE |= dict.fromkeys(("Program", "Status", "compile", "load", "record"), "tapead._program")


def __getattr__(name):
    """Import what a gradient does not need when it is first asked for."""
    if name in ("distributed", "implicit", "nn", "numpy", "optim", "optimize", "testing"):
        return importlib.import_module(f"tapead.{name}")
    if name not in _LATE:
        raise AttributeError(f"module 'tapead' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LATE[name]), name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
