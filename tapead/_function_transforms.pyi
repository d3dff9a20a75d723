from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

def elementwise_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...] = 0
) -> Callable[..., Any]: ...
def stop_gradient(x: Any) -> Any: ...
def checkpoint(f: Callable[_P, _R]) -> Callable[_P, _R]: ...
