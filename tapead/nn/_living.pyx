"""What is alive in the process, found without a moment in which another thread could run."""

import gc

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject

cdef extern from "Python.h":
    void* type_of "Py_TYPE" (PyObject*) noexcept


def instances(kinds):
    """The objects of the classes `kinds` that the garbage collector tracks, none of derived ones.

    While there are references to all objects, no other thread may go on building a tuple, which
    CPython makes a SystemError of: nothing here runs code of Python, or lets go of the GIL.
    """
    cdef list classes = list(kinds), found = [], every = gc.get_objects()
    cdef Py_ssize_t i, k, n_classes = PyList_GET_SIZE(classes)
    cdef void* kind
    cdef void* other = NULL  # the last one of which it is known that it is not among them
    for i in range(PyList_GET_SIZE(every)):
        kind = type_of(PyList_GET_ITEM(every, i))
        if kind is other:
            continue
        for k in range(n_classes):
            if kind is <void*>PyList_GET_ITEM(classes, k):
                found.append(<object>PyList_GET_ITEM(every, i))
                break
        else:
            other = kind
    return found
