from collections.abc import Callable
from typing import Any

def checkpointed_loop(
    step: Callable[..., Any],
    state: Any,
    n_steps: int | None = None,
    budget: float | None = None,
    *,
    args: tuple[Any, ...] = (),
    until: Callable[..., bool] | None = None,
    checkpoints: int | None = None,
) -> Any: ...
