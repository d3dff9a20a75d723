"""What is computed once more rather than stored and loaded.

A value that one cluster computes and a later one reads goes through memory: to store and to load it
takes as long as a few sums or products where it stays in the caches, and as many where it does not.
"""

import math

from tapead._array_code import Value
from tapead._array_layouts import is_of_a_kind, is_single
from tapead._array_pieces import LIGHT

LARGE = 1 << 20  # bytes of an array that does not stay in the nearer caches
FEW, MANY = 3, 20  # light rows that take less time than memory, for small and for large arrays
HEAVY = 30  # light rows that one of the others counts as
MOST_INPUTS = 3


def computed_again(graph, values):
    """`values` with copies of cheap ones in later clusters; `find_depths` has seen them."""
    stored = {id(value) for value in (*graph.outputs, *graph.guards)}
    for value in values:
        if value.op != "sum" or value.data is not None:
            stored.update(
                id(arg) for arg in value.args if value.op != "element" or arg.shape != value.shape
            )
    found, copies = [], {}
    for value in values:
        if value.op == "element":
            value.args = tuple(
                again(arg, value.depth, stored, copies, found)
                if crosses(value, arg) else arg
                for arg in value.args)  # fmt: skip
        found.append(value)
    return found


def crosses(value, arg):
    """Whether an operand comes from an earlier cluster of the same shape and precision."""
    return (
        arg.op == "element"
        and arg.shape == value.shape
        and arg.depth < value.depth
        and is_of_a_kind(value, arg)
    )


def again(value, depth, stored, copies, found):
    """A copy of `value` in the cluster of this depth, or `value` itself."""
    key = id(value), depth
    if key in copies:
        return copies[key]
    large = math.prod(value.shape) * value.dtype.itemsize >= LARGE
    most = MANY if large and id(value) not in stored else FEW
    inputs = {}
    if (
        (is_single(value) or value.args[0].dtype == value.dtype)
        and weight(value, most, inputs) <= most
        and (sum(arg.shape == value.shape for arg in inputs.values()) <= MOST_INPUTS)
    ):
        copies[key] = copied(value, depth, inputs, copies, found)
    else:
        copies[key] = value
    return copies[key]


def weight(value, most, inputs):
    """Rows that `value` takes from what is stored, which goes to `inputs`; light ones count 1."""
    total = 1 if value.data in LIGHT else HEAVY
    for arg in value.args:
        inside = arg.op == "element" and arg.shape == value.shape and is_of_a_kind(value, arg)
        if inside and total <= most:
            total += weight(arg, most - total, inputs)
        else:
            inputs[id(arg)] = arg
    return total


def copied(value, depth, inputs, copies, found):
    """The copy itself, behind those of its operands."""
    args = []
    for arg in value.args:
        if id(arg) in inputs:
            args.append(arg)
            continue
        key = id(arg), depth
        if copies.get(key, arg) is arg:
            copies[key] = copied(arg, depth, inputs, copies, found)
        args.append(copies[key])
    new = Value("element", tuple(args), value.shape, value.dtype, value.strides, value.data)
    new.depth = depth
    found.append(new)
    return new
