from collections.abc import Callable
from enum import IntEnum
from os import PathLike
from typing import Any, BinaryIO, Literal, Never, Self, TypeAlias, final, overload

from scipy.sparse import csr_array
from typing_extensions import disjoint_base

from tapead._array_program import ArrayProgram
from tapead._code_data import CodeData

_Argnums: TypeAlias = int | tuple[int, ...]
_Arguments: TypeAlias = tuple[Any, ...] | list[Any]
_File: TypeAlias = str | PathLike[str] | BinaryIO
_What: TypeAlias = Literal["value", "grad", "value_and_grad", "hessian_diagonal"]
_Axis: TypeAlias = Literal[0] | None

class Status(IntEnum):
    NONE = -1
    SAME_PATH = 0
    AT_KINK = 1
    BRANCH_CHANGED = 2

@disjoint_base
class Recorded:
    @property
    def function(self) -> Callable[..., Any] | None: ...
    @property
    def n_recorded(self) -> int: ...
    @property
    def n_replayed(self) -> int: ...
    @property
    def n_dropped(self) -> int: ...
    @property
    def status(self) -> Status: ...
    @property
    def __wrapped__(self) -> Callable[..., Any] | None: ...

@disjoint_base
class Replayed(Recorded):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def grad(self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any) -> Any: ...
    def value_and_grad(
        self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any
    ) -> tuple[Any, Any]: ...
    def jvp(self, primals: _Arguments, tangents: _Arguments) -> tuple[Any, ...]: ...
    def vjp(self, *primals: Any) -> tuple[Any, ...]: ...
    def hvp(self, primals: _Arguments, tangents: _Arguments) -> tuple[Any, ...]: ...
    def jacobian(self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any) -> Any: ...
    def hessian(self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any) -> Any: ...

@disjoint_base
class SparseReplayed(Replayed):
    def jacobian_sparsity(self, argnums: _Argnums | None = None) -> csr_array: ...
    def hessian_sparsity(self, argnums: _Argnums | None = None) -> csr_array: ...
    def sparse_jacobian(
        self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any
    ) -> Any: ...
    def sparse_hessian(self, *args: Any, argnums: _Argnums | None = None, **kwargs: Any) -> Any: ...

@final
class Program(SparseReplayed):
    def __init__(self, *args: Never, **kwargs: Never) -> None: ...  # raises: see record, load
    def gradient(self, argnums: _Argnums | None = None) -> Program: ...
    def pushforward(self) -> Program: ...
    def pullback(self) -> Program: ...
    def map(
        self,
        *args: Any,
        what: _What = "value",
        in_axes: _Axis | tuple[_Axis, ...] | list[_Axis] = 0,
        reduction: Literal["sum", "mean"] | None = None,
        threads: int | None = None,
        argnums: _Argnums | None = None,
    ) -> Any: ...
    @property
    def code(self) -> CodeData: ...
    def to_text(self, max_rows: int | None = None) -> str: ...
    def to_dot(self) -> str: ...
    def to_c(self, name: str) -> str: ...
    def stats(self) -> dict[str, Any]: ...
    def save(self, path: _File) -> None: ...

@final
class Compiled(Recorded):
    def __new__(
        cls,
        f: Callable[..., Any],
        max_paths: int = 32,
        reassociate: bool = False,
        arrays: bool | None = None,
    ) -> Self: ...
    def __init__(
        self,
        f: Callable[..., Any],
        max_paths: int = 32,
        reassociate: bool = False,
        arrays: bool | None = None,
    ) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Callable[..., Any]: ...
    def stats(self) -> dict[str, int]: ...

@overload
def record(
    f: Callable[..., Any],
    *example: Any,
    argnums: _Argnums = 0,
    has_aux: bool = False,
    on_branch: Literal["raise", "record"] = "raise",
    reassociate: bool = False,
    arrays: Literal[True],
    **kwargs: Any,
) -> ArrayProgram: ...
@overload
def record(
    f: Callable[..., Any],
    *example: Any,
    argnums: _Argnums = 0,
    has_aux: bool = False,
    on_branch: Literal["raise", "record"] = "raise",
    reassociate: bool = False,
    arrays: Literal[False] | None = None,
    **kwargs: Any,
) -> Program: ...  # or an ArrayProgram, by the arrays' size
@overload
def compile(
    f: Callable[..., Any],
    /,
    *,
    max_paths: int = 32,
    reassociate: bool = False,
    arrays: bool | None = None,
) -> Compiled: ...
@overload
def compile(
    f: None = None,
    /,
    *,
    max_paths: int = 32,
    reassociate: bool = False,
    arrays: bool | None = None,
) -> Callable[[Callable[..., Any]], Compiled]: ...
def load(path: _File) -> Program: ...
