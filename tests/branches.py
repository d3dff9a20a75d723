"""Comparing results bit for bit, and random functions with branches."""

import dataclasses
import math
import struct

import numpy as np
from hypothesis import strategies as st

import tapead


def bits(tree):
    """A tree of numbers as one that compares by type and by bits.

    NaN has no sign, and a NumPy float64 counts as the float that it is.
    """
    if isinstance(tree, np.ndarray):
        clean = np.where(np.isnan(tree), np.nan, tree) if tree.dtype.kind == "f" else tree
        return "array", tree.shape, tree.dtype.str, np.asarray(clean, tree.dtype).tobytes()
    if isinstance(tree, (float, np.floating)):
        kind = "float" if isinstance(tree, float) else type(tree)
        return kind, "nan" if math.isnan(tree) else struct.pack("d", tree)
    if isinstance(tree, dict):
        return type(tree), [(key, bits(value)) for key, value in tree.items()]
    if isinstance(tree, (tuple, list)):
        return type(tree), [bits(item) for item in tree]
    if dataclasses.is_dataclass(tree):
        return type(tree), [bits(getattr(tree, f.name)) for f in dataclasses.fields(tree)]
    return type(tree), tree


def same(found, wanted):
    """Assert that two trees are equal in types, structure and bits."""
    assert bits(found) == bits(wanted), f"{found!r} is not {wanted!r}"
    return True


# Random functions of three numbers: statements of a little language with branches and loops.

numbers = st.one_of(
    st.floats(-4.0, 4.0),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan]),
)
UNARY = {
    "sin": tapead.sin, "exp": tapead.exp, "sqrt": tapead.sqrt, "relu": tapead.relu, "abs": abs,
    "square": lambda x: x * x, "negative": lambda x: -x, "floor": tapead.floor,
    "sigmoid": tapead.sigmoid, "double": lambda x: x + x, "itself": lambda x: x * 1.0,
}  # fmt: skip
BINARY = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
    "/": tapead.divide, "maximum": tapead.maximum, "minimum": tapead.minimum,
    "hypot": tapead.hypot, "max": max, "min": min, "merge": lambda x, y: x * 0.5 + y,
}  # fmt: skip
TESTS = {
    "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, "==": lambda x, y: x == y,
    "bool": lambda x, y: bool(x), "int": lambda x, y: abs(x) < 9.0 and int(x) % 2 == 0,
    "round": lambda x, y: abs(x) < 9.0 and round(x) > y, "isnan": lambda x, y: np.isnan(x),
    "both": lambda x, y: x > 0 and y > 0, "chained": lambda x, y: -1.0 < x < y,
}  # fmt: skip


class Branching:
    """A function of three numbers: each step appends a value, tests choose between two ways."""

    def __init__(self, steps):
        self.steps = steps

    def __repr__(self):
        return f"Branching({self.steps!r})"

    def __call__(self, x, y, z):
        values = [x, y, z]
        for kind, name, i, j, other in self.steps:
            a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
            if kind == "unary":
                values.append(UNARY[name](a))
            elif kind == "binary":
                values.append(BINARY[name](a, b))
            elif kind == "test":
                values.append(UNARY[other](a) if TESTS[name](a, b) else a - b)
            else:  # a loop whose rounds a traced number decides
                rounds = 0
                while rounds < 4 and TESTS[name](a, b):
                    a = UNARY[other](a) * 0.5
                    rounds += 1
                values.append(a + rounds)
        return values[-1] * 1.0


@st.composite
def branching(draw):
    """Functions of up to eight steps."""
    place = st.integers(0, 9)
    other = st.sampled_from(sorted(UNARY))
    step = st.one_of(
        st.tuples(st.just("unary"), other, place, place, other),
        st.tuples(st.just("binary"), st.sampled_from(sorted(BINARY)), place, place, other),
        st.tuples(
            st.sampled_from(["test", "loop"]), st.sampled_from(sorted(TESTS)), place, place, other
        ),
    )
    return Branching(draw(st.lists(step, min_size=1, max_size=8)))
