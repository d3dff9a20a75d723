"""The table of array primitives: what answers NumPy's functions where an array is traced."""

import importlib

from tapead.primitives._row import FUNCTIONS, PRIMITIVES, Function, Primitive

REFUSED = {}  # functions without a real derivative, and what to use in their place

MODULES = (
    "core", "elementwise", "reductions", "images", "scans", "sorting", "smooth", "products",
    "einsum", "linalg", "decompositions", "fft", "shapes", "joins", "indexing", "creation",
)  # fmt: skip

for _name in MODULES:
    _module = importlib.import_module(f"tapead.primitives._{_name}")
    REFUSED |= getattr(_module, "REFUSED", {})

__all__ = ["FUNCTIONS", "PRIMITIVES", "REFUSED", "Function", "Primitive"]
