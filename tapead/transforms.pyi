from collections.abc import Callable
from typing import Any, Literal, Self, overload

from typing_extensions import disjoint_base

from tapead._tape import Var

_Argnums = int | tuple[int, ...]

@disjoint_base
class Transform:
    def __new__(
        cls, f: Callable[..., Any], argnums: _Argnums = 0, has_aux: bool = False
    ) -> Self: ...
    def __init__(
        self, f: Callable[..., Any], argnums: _Argnums = 0, has_aux: bool = False
    ) -> None: ...
    @property
    def __name__(self) -> str: ...
    def __get__(self, instance: object, owner: type | None = None, /) -> Callable[..., Any]: ...

class grad(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class value_and_grad(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]: ...

class jacfwd(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class jacrev(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class jacobian(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class hessian(Transform):
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

@disjoint_base
class derivative(Transform):
    def __new__(cls, f: Callable[..., Any], n: int = 1) -> Self: ...
    def __init__(self, f: Callable[..., Any], n: int = 1) -> None: ...
    @overload
    def __call__(self, x: float, *args: Any, **kwargs: Any) -> float: ...
    @overload
    def __call__(self, x: Var, *args: Any, **kwargs: Any) -> Var | float: ...

@disjoint_base
class Pullback:
    def __call__(self, adjoint: Any) -> tuple[Any, ...]: ...

@overload
def jvp(
    f: Callable[..., Any],
    primals: tuple[Any, ...] | list[Any],
    tangents: tuple[Any, ...] | list[Any],
    has_aux: Literal[False] = False,
) -> tuple[Any, Any]: ...
@overload
def jvp(
    f: Callable[..., Any],
    primals: tuple[Any, ...] | list[Any],
    tangents: tuple[Any, ...] | list[Any],
    has_aux: Literal[True],
) -> tuple[Any, Any, Any]: ...
@overload
def vjp(
    f: Callable[..., Any], *primals: Any, has_aux: Literal[False] = False
) -> tuple[Any, Pullback]: ...
@overload
def vjp(
    f: Callable[..., Any], *primals: Any, has_aux: Literal[True]
) -> tuple[Any, Pullback, Any]: ...
def hvp(
    f: Callable[..., Any],
    primals: tuple[Any, ...] | list[Any],
    tangents: tuple[Any, ...] | list[Any],
) -> tuple[Any, ...]: ...
