from collections.abc import Callable, Sequence
from typing import Any

def jet(
    f: Callable[..., Any], primals: Sequence[Any], series: Sequence[Sequence[Any] | None]
) -> tuple[Any, list[Any]]: ...
def taylor(f: Callable[..., Any], x: Any, order: int, direction: Any = None) -> Any: ...
