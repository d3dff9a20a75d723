from collections.abc import Callable
from typing import Any, Literal, Never, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from tapead._array_program import ArrayProgram
from tapead._program import Program

_Vector: TypeAlias = NDArray[np.float64]
_Form: TypeAlias = Literal["dense", "sparse", "operator"]

@disjoint_base
class _OfVector:
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # raises: see objective
    x0: _Vector
    bounds: Any
    program: Program | ArrayProgram | None
    def unravel(self, x: Any) -> Any: ...
    def ravel(self, params: Any) -> _Vector: ...

@final
class Objective(_OfVector):
    def fun(self, x: Any) -> float: ...
    def jac(self, x: Any) -> _Vector: ...
    def hess(self, x: Any, v: Any = None) -> Any: ...
    def hessp(self, x: Any, p: Any) -> _Vector: ...

@final
class VectorObjective(_OfVector):
    def fun(self, x: Any) -> _Vector: ...
    def jac(self, x: Any) -> Any: ...
    def hess(self, x: Any, v: Any) -> Any: ...

def objective(
    f: Callable[..., Any],
    x0: Any,
    *,
    args: tuple[Any, ...] | Any = (),
    lower: Any = None,
    upper: Any = None,
    form: _Form = "dense",
    record: bool = True,
) -> Any: ...

__all__ = ["Objective", "VectorObjective", "objective"]
