from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_Linear = (
    Literal["auto", "dense", "gmres"]
    | Callable[[Callable[[NDArray[np.float64]], NDArray[np.float64]], NDArray[np.float64]], Any]
)
_Solver = Callable[[Callable[[NDArray[np.float64]], NDArray[np.float64]], NDArray[np.float64]], Any]

class ConvergenceError(RuntimeError): ...

def root(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    method: str = "hybr",
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    solver: _Solver | None = None,
    linear: _Linear = "auto",
) -> Any: ...
def minimize(
    f: Callable[..., Any],
    x0: Any,
    *args: Any,
    method: str = "BFGS",
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    linear: _Linear = "auto",
) -> Any: ...
def fixed_point(
    g: Callable[..., Any],
    x0: Any,
    *args: Any,
    tol: float = 1e-12,
    max_iter: int = 10_000,
    solver: _Solver | None = None,
    linear: _Linear = "auto",
) -> Any: ...
def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Sequence[float] | NDArray[Any] | Any,
    *args: Any,
    rtol: float = 1e-8,
    atol: float = 1e-8,
    method: str = "DOP853",
) -> Any: ...

__all__ = ["ConvergenceError", "fixed_point", "minimize", "odeint", "root"]
