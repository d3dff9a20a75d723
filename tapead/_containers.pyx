"""Containers of numbers: one function applied to every leaf, the container rebuilt around it.

Lists, tuples, dicts, named tuples and dataclasses take a short path; other containers are
optree's. An ndarray is a leaf.
"""

cimport cython
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM

import copy
import dataclasses

import numpy as np


cdef object walk(object context, object tree, Leaf leaf):
    """`tree` with ``leaf(context, x)`` in the place of every leaf x, in order."""
    kind = type(tree)
    if kind is float:
        return leaf(context, tree)
    if kind is list:
        return walk_list(context, tree, leaf)
    if kind is tuple:
        return walk_tuple(context, tree, leaf)
    if kind is dict:
        return {key: walk(context, value, leaf) for key, value in tree.items()}
    return walk_other(context, tree, leaf)


cdef list walk_list(object context, list tree, Leaf leaf):
    cdef Py_ssize_t i, n = PyList_GET_SIZE(tree)
    cdef list out = PyList_New(n)
    for i in range(n):
        if PyList_GET_SIZE(tree) != n:
            raise RuntimeError("the list changed its length while it was read")
        item = walk(context, <object>PyList_GET_ITEM(tree, i), leaf)
        Py_INCREF(item)
        PyList_SET_ITEM(out, i, item)
    return out


cdef tuple walk_tuple(object context, tuple tree, Leaf leaf):
    cdef Py_ssize_t i, n = PyTuple_GET_SIZE(tree)
    cdef tuple out = PyTuple_New(n)
    for i in range(n):
        item = walk(context, <object>PyTuple_GET_ITEM(tree, i), leaf)
        Py_INCREF(item)
        PyTuple_SET_ITEM(out, i, item)
    return out


cdef object walk_other(object context, object tree, Leaf leaf):
    if isinstance(tree, (int, float, str, np.ndarray, np.generic)) or tree is None:
        return leaf(context, tree)
    if isinstance(tree, tuple) and hasattr(tree, "_make"):
        return tree._make([walk(context, item, leaf) for item in tree])
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return walk_dataclass(context, tree, leaf)
    if type(tree).__module__ == "tapead._tape":
        return leaf(context, tree)
    import optree

    leaves, structure = optree.tree_flatten(tree, none_is_leaf=True)
    if len(leaves) == 1 and leaves[0] is tree:
        return leaf(context, tree)
    return structure.unflatten([walk(context, item, leaf) for item in leaves])


cdef object walk_dataclass(object context, object tree, Leaf leaf):
    out = copy.copy(tree)  # keeps what no field declares, and calls no __init__
    for field in dataclasses.fields(tree):
        object.__setattr__(out, field.name, walk(context, getattr(tree, field.name), leaf))
    return out


cdef object collect_leaf(object context, object leaf):
    (<list>context).append(leaf)
    return None


def leaves(tree):
    """Leaves of `tree` in order."""
    cdef list out = []
    walk(out, tree, collect_leaf)
    return out


cdef object apply_leaf(object context, object leaf):
    return context(leaf)


def map_leaves(function, tree):
    """`tree` with ``function(x)`` in the place of every leaf x."""
    return walk(function, tree, apply_leaf)


cdef object shape_leaf(object context, object leaf):
    return np.shape(leaf) if isinstance(leaf, np.ndarray) else None


def structure(tree):
    """Containers and shapes of `tree`; two trees that fit each other have equal ones."""
    return walk(None, tree, shape_leaf)
