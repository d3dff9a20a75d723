"""Arrays: NumPy's own functions on traced arrays of float64 and float32.

An operation on arrays is one node of the tape, in the order of all others; its `Entry` keeps what
the sweeps need. Views share a `Base`, whose node changes with every write; a view is recorded when
it is used, as a window onto the node that the base then has. Adjoints hold a mark where no path has
led, element by element, so that what `where` did not take is not multiplied by an infinity.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, Py_NE, PyObject, PyTypeObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset
from numpy cimport ndarray, npy_intp

import math
import numbers
import operator

import numpy as np

from cpython.ref cimport Py_INCREF
from tapead._elementals cimport OP_ADD, OP_ARRAY, OP_COPY, OP_MULTIPLY, OP_POWER, OP_SQUARE
from tapead._kernels cimport (
    add_into, any_mark, fill_marks, merge_into, new_array, new_like,
    number_in_place, row_is_fast, row_marks, row_passes, row_reads, row_scaled, row_value,
    sum_marked,
)
from tapead._nodes cimport (
    NO_PATH_ID, Ref, is_unreached, number_reached, operand_id, passive as passive_ref, reach,
    unreached,
)
from tapead._rules cimport (
    accumulate, find_dependents, present, push_op, record_forward, record_reverse, value_of,
)
from tapead._tape cimport (
    ArrayHooks, Entry, Guard, State, Sweep, Tape, Var, active_state, as_object, as_ref, first_entry,
    forward_mixed, new_sweep, new_var, push_entry,
    raise_failed, raise_stale, register_arrays, reverse_mixed, unreach,
)

from tapead._errors import TapeError
from tapead.elementals import (
    CHOICES, ELEMENTALS, FIRST_MARKED, INSTRUCTIONS, OPCODES,
)

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept

cdef extern from "numpy/arrayobject.h":
    ndarray PyArray_NewFromDescr(
        PyTypeObject* kind, object dtype, int nd, npy_intp* shape, npy_intp* strides, void* data,
        int flags, PyObject* like)

include "_walk.pxi"
include "_operands.pxi"
include "_elementwise.pxi"
include "_elemental_entry.pxi"
include "_bars.pxi"
include "_windows.pxi"
include "_indexing.pxi"
include "_writes.pxi"
include "_recorded_rules.pxi"
include "_recorded_sweeps.pxi"
include "_primitive_entries.pxi"
include "_stacks.pxi"
include "_array_class.pxi"
include "_array_inputs.pxi"
include "_array_reading.pxi"
include "_journal.pxi"
