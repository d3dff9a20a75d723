from collections.abc import Callable, Sequence
from typing import Any, Literal

_Type = Literal[1, 2, 3, 4]
_Norm = Literal["backward", "ortho", "forward"] | None

__ua_domain__: str

def __ua_function__(  # noqa: N807 - SciPy asks for it by this name
    method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any: ...
def dct(
    x: Any,
    type: _Type = 2,
    n: int | None = None,
    axis: int = -1,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any: ...
def dctn(
    x: Any,
    type: _Type = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any: ...
def dst(
    x: Any,
    type: _Type = 2,
    n: int | None = None,
    axis: int = -1,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any: ...
def dstn(
    x: Any,
    type: _Type = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any: ...
def idct(
    x: Any,
    type: _Type = 2,
    n: int | None = None,
    axis: int = -1,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any: ...
def idctn(
    x: Any,
    type: _Type = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any: ...
def idst(
    x: Any,
    type: _Type = 2,
    n: int | None = None,
    axis: int = -1,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any: ...
def idstn(
    x: Any,
    type: _Type = 2,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: _Norm = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any: ...

__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn"]
