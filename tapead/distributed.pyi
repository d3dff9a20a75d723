from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tapead import Program
from tapead.nn import Module
from tapead.optim import Optimizer

_Array = NDArray[Any]
_Axis = Literal[0] | None

class Made:
    function: Callable[..., Any]
    n: int
    def __init__(self, function: Callable[[int, int], Any], n: int) -> None: ...
    def __len__(self) -> int: ...
    def points(self, start: int, stop: int) -> Any: ...

class Drawn(Made):
    seed: int
    def __init__(
        self, function: Callable[[np.random.Generator, int], Any], n: int, seed: int = 0
    ) -> None: ...

def map(
    function: Program | Callable[..., Any],
    *args: Any,
    client: Any = None,
    what: Literal["value", "grad", "value_and_grad", "hessian_diagonal"] = "value",
    argnums: int | tuple[int, ...] | None = None,
    in_axes: _Axis | tuple[_Axis, ...] | list[_Axis] = 0,
    reduction: Literal["sum", "mean"] | None = None,
    shard: int = 10_000,
    threads: int = 1,
    progress: bool | Callable[[int, int], object] | None = None,
) -> Any: ...

class _ShardedStep:
    def __call__(self, X: Any, y: Any) -> float: ...  # noqa: N803
    def stats(self) -> dict[str, int]: ...

def compile_step(
    net: Module,
    loss: Callable[[Any, Any], Any],
    optimizer: Optimizer,
    *,
    shards: int,
    client: Any = None,
    l2: float = 0.0,
    l1: float = 0.0,
    clip_norm: float | None = None,
) -> _ShardedStep: ...

__all__ = ["Drawn", "Made", "compile_step", "map"]
