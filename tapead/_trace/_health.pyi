from collections.abc import Sequence
from typing import Any, NamedTuple, overload

from numpy.typing import NDArray

class Finding(NamedTuple):
    kind: str
    sweep: str
    function: str
    arguments: tuple[float, ...]
    name: str
    formula: str
    value: float | NDArray[Any]
    source: str
    node: int

class Health(Sequence[Finding]):
    forward: Finding | None
    reverse: Finding | None
    def __init__(self, trace: Any) -> None: ...
    @property
    def ok(self) -> bool: ...
    def of(self, kind: str) -> list[Finding]: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
