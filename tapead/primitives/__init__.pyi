from typing import Any

from tapead.primitives._row import FUNCTIONS, PRIMITIVES, Function, Primitive

REFUSED: dict[Any, str]
MODULES: tuple[str, ...]

__all__ = ["FUNCTIONS", "PRIMITIVES", "REFUSED", "Function", "Primitive"]
