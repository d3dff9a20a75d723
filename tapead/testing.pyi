from collections.abc import Callable, Sequence
from typing import Any, Literal

def check_grads(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int = 2,
    modes: Sequence[Literal["fwd", "rev"]] = ("fwd", "rev"),
    atol: float = 1e-6,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None: ...
