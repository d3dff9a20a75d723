"""Sums of what is computed in pieces as well: piece by piece, so that one cluster does both.

A sum of elements, and the adjoints of two windows onto what they were computed from, are over
stretches of different lengths. Cut where the adjoints are, the sum takes part of their work over.
"""

import numpy as np

from tapead._array_layouts import _ADD
from tapead._array_pieces import is_cheap

LEAST_SHARED = 2  # values that a cut has to find computed already


def cut_sums(graph):
    """Replace sums of elements by sums of stretches where that saves work."""
    rows = [value for value in graph.values if value.op == "pieces"]
    if not rows:
        return
    ends = {row.data: None for row in rows}
    for value in list(graph.values):
        if value.op == "sum" and value.data is None and value.shape == ():
            (x,) = value.args
            if len(x.shape) == 1 and x.op == "element" and is_cheap(x):
                for places in ends:
                    if cut(graph, value, x, [end for _, end in places]):
                        break


def cut(graph, total, x, ends):
    """Turn a sum into one of stretches; whether it was done."""
    (n,) = x.shape
    ends = [end for end in ends if 0 < end < n]
    if not ends or max(b - a for a, b in zip([0, *ends], [*ends, n], strict=True)) < n - 8:
        return False
    before = len(graph.values)
    parts = [
        graph.range_of(x, first, last)
        for first, last in zip([0, *ends], [*ends, n], strict=True)]  # fmt: skip
    if not all(part.op == "element" for part in parts):
        return False
    if cone(parts[-1]) + cone(parts[0]) - (len(graph.values) - before) < LEAST_SHARED:
        return False
    sums = [graph.add("sum", (part,), (), np.float64, None, None) for part in parts]
    found = sums[0]
    for other in sums[1:-1]:
        found = graph.element(_ADD, (found, other), (), np.float64)
    total.op, total.data, total.args = "element", _ADD, (found, sums[-1])
    return True


def cone(value):
    """How many rows a value is computed by."""
    seen, stack = set(), [value]
    while stack:
        top = stack.pop()
        if top.op == "element" and id(top) not in seen:
            seen.add(id(top))
            stack.extend(top.args)
    return len(seen)
