from fractions import Fraction
from types import TracebackType
from typing import Any, Literal, Never, Self, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

Scalar: TypeAlias = float | np.floating[Any] | np.integer[Any] | Fraction
Number: TypeAlias = Scalar | Var

class Tape:
    def __init__(self, max_bytes: int | None = None, *, sources: bool = False) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def active(self) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def max_bytes(self) -> int | None: ...
    def variable(self, value: Scalar, name: str | None = None) -> Var: ...
    def mark(self) -> int: ...
    def rewind(self, mark: int) -> None: ...
    def clear(self) -> None: ...
    @overload
    def gradient(
        self, y: Number | Numbers, xs: Numbers, seed: Scalar | list[Scalar] | tuple[Scalar, ...] = 1.0
    ) -> list[float]: ...
    @overload
    def gradient(
        self, y: Number | Numbers, xs: Number, seed: Scalar | list[Scalar] | tuple[Scalar, ...] = 1.0
    ) -> float: ...
    @overload
    def pushforward(
        self, y: Numbers, xs: Var | Variables, seed: Scalar | list[Scalar] | tuple[Scalar, ...] = 1.0
    ) -> list[float]: ...
    @overload
    def pushforward(
        self, y: Number, xs: Var | Variables, seed: Scalar | list[Scalar] | tuple[Scalar, ...] = 1.0
    ) -> float: ...

Numbers: TypeAlias = list[Any] | tuple[Number, ...]
Variables: TypeAlias = list[Var] | tuple[Var, ...]
