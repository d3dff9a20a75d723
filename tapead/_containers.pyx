"""Containers of numbers: one function applied to every leaf, the container rebuilt around it.

Lists, tuples, dicts, named tuples and dataclasses take a short path; other containers are
optree's. An ndarray is a leaf.
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM

import numpy as np

cdef extern from *:
    """
    /* documented to be non-zero on error; it is 1 */
    #define enter_recursive_call(where) (Py_EnterRecursiveCall(where) ? -1 : 0)
    """
    int enter_recursive_call(const char* where) except -1
    void Py_LeaveRecursiveCall() noexcept

cdef tuple TRACED = ("tapead._tape", "tapead._array")  # modules of traced values
cdef tuple LEAVES = (int, float, complex, str, bytes, np.ndarray, np.generic, type(None))
cdef set numbers = {float, int}  # types of leaves without a shape; traced ones once they are seen


cdef object walk(object context, object tree, Leaf leaf):
    """`tree` with ``leaf(context, x)`` in the place of every leaf x, in order."""
    if type(tree) in numbers:
        return leaf(context, tree)
    enter_recursive_call(" while a container was read")
    try:
        return walk_container(context, tree, leaf)
    finally:
        Py_LeaveRecursiveCall()


cdef object walk_container(object context, object tree, Leaf leaf):
    kind = type(tree)
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
    if isinstance(tree, LEAVES):
        return leaf(context, tree)
    if isinstance(tree, tuple) and hasattr(tree, "_make"):
        return tree._make([walk(context, item, leaf) for item in tree])
    if is_dataclass(tree):
        return walk_dataclass(context, tree, leaf)
    if type(tree).__module__ in TRACED:
        if type(tree).__module__ == TRACED[0]:
            numbers.add(type(tree))
        return leaf(context, tree)
    import optree

    leaves, structure = optree.tree_flatten(tree, none_is_leaf=True)
    if len(leaves) == 1 and leaves[0] is tree:
        return leaf(context, tree)
    return structure.unflatten([walk(context, item, leaf) for item in leaves])


cdef bint is_dataclass(object tree):
    return hasattr(type(tree), "__dataclass_fields__")


cdef object walk_dataclass(object context, object tree, Leaf leaf):
    import copy
    import dataclasses

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


def copied(tree):
    """The tree with a copy of every array: what is written to one is not seen in the other."""
    return walk(None, tree, copy_leaf)


cdef object copy_leaf(object context, object leaf):
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def align(like, tree, what):
    """Leaves of `tree`, in the order of those of `like`, whose structure it must have.

    Raises
    ------
    ValueError
        If containers, keys, lengths or shapes differ; `what` says what was expected.
    """
    cdef list out = []
    align_into(out, like, tree, what)
    return out


cdef int align_into(list out, object like, object tree, object what) except -1:
    kind = type(like)
    if kind in numbers and type(tree) in numbers:
        out.append(tree)
        return 0
    enter_recursive_call(" while containers were compared")
    try:
        if (kind is list or kind is tuple) and type(tree) is kind:
            if len(like) != len(tree):
                misfit(like, tree, what)
            for child, other in zip(like, tree):
                align_into(out, child, other, what)
        else:
            align_others(out, like, tree, what)
    finally:
        Py_LeaveRecursiveCall()
    return 0


cdef int align_others(list out, object like, object tree, object what) except -1:
    """What are no two floats, lists or tuples."""
    if is_array(like):
        if shape_of(tree) != like.shape:
            misfit(like, tree, what)
        out.append(tree)
        return 0
    children = children_of(like)
    if children is None:
        if children_of(tree) is not None or is_array(tree) and tree.shape != ():
            misfit(like, tree, what)
        out.append(tree)
        return 0
    others = children_of(tree) if type(tree) is type(like) else None
    if others is None or children.keys() != others.keys():
        misfit(like, tree, what)
    for key in children:
        align_into(out, children[key], others[key], what)
    return 0


cdef bint is_array(object x):
    """Whether `x` is an array, plain or traced."""
    return isinstance(x, np.ndarray) or type(x).__module__ == "tapead._array"


cdef object shape_of(object x):
    """Shape of an array or a number; None of anything else."""
    if isinstance(x, (float, np.generic)):
        return ()
    return x.shape if is_array(x) else None


cdef dict children_of(object tree):
    """Children of a container by key, None of a leaf."""
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    if type(tree) is dict:
        return tree
    if is_dataclass(tree):
        import dataclasses

        return {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
    if isinstance(tree, LEAVES) or type(tree).__module__ in TRACED:
        return None
    import optree

    try:
        node = optree.tree_flatten_one_level(tree, none_is_leaf=True)
    except ValueError:  # not a container
        return None
    return dict(zip(node.entries, node.children))


cdef object misfit(object like, object tree, str what):
    raise ValueError(f"expected {what}; got {describe(tree)} in the place of {describe(like)}")


def describe(tree):
    """A leaf or container in a few words."""
    if isinstance(tree, np.ndarray):
        return f"an array of shape {tree.shape}"
    if isinstance(tree, dict):
        return f"a {type(tree).__name__} with keys {list(tree)}"
    if isinstance(tree, (list, tuple)):
        return f"a {type(tree).__name__} of {len(tree)}"
    return f"a {type(tree).__name__}"
