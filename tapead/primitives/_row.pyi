from collections.abc import Callable
from typing import Any, Literal, NamedTuple

PRIMITIVES: dict[str, Primitive]
FUNCTIONS: dict[Any, Function]

class Primitive:
    __slots__ = ("adjoints", "moves", "name", "pullback", "pushforward", "reads", "value")
    adjoints: tuple[str, ...]
    moves: bool | Literal["both"]
    name: str
    pullback: Callable[..., Any]
    pushforward: Callable[..., Any] | None
    reads: str
    value: Callable[..., Any]
    def __init__(
        self,
        name: str,
        value: Callable[..., Any],
        pullback: Callable[..., Any],
        pushforward: Callable[..., Any] | None = None,
        reads: str = "*v",
        moves: bool | Literal["both"] = False,
        adjoints: tuple[str, ...] = (),
    ) -> None: ...
    def __call__(self, *operands: Any, **params: Any) -> Any: ...

class Function(NamedTuple):
    name: str
    call: Callable[..., Any]
    samples: tuple[Callable[..., Any], ...]

def __getattr__(name: str) -> Any: ...
