"""The tape: a Wengert list of elemental operations, and the numbers that write to it.

Knows no derivative rule of its own; both sweeps are linear passes over the nodes [1]_. Tape and
Var live in one module because they share one thread-local pointer.

.. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, ch. 3.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

import math
import operator

import numpy as np

from cpython.pythread cimport PyThread_get_thread_ident

from tapead._errors import TapeError, TapeMemoryError

from tapead._nodes cimport (
    is_unreached, joined, number_reached, operand_id, passive, push, reach, uint8_t, unreached,
)

from tapead._rules cimport value_of


cdef extern from "_active.h":
    void* tapead_active() noexcept nogil
    void tapead_activate(void* state) noexcept nogil
    void* tapead_idle_state "&tapead_idle"


cdef enum:
    FIRST_SEGMENTS = 2
    SMALLEST = 256  # nodes that a new tape has room for
    DOUBLING = 1 << 10  # nodes; above it growth by a fifth keeps a node under 48 bytes
    CHECK_EVERY = 1 << 20  # nodes between two looks for Ctrl-C
    FAILED_LIMIT = 1
    FAILED_MEMORY = 2
    FAILED_COUNT = 3

cdef uint64_t last_serial = 0


cdef uint64_t next_serial() noexcept:
    global last_serial
    last_serial += 1
    return last_serial


cdef inline State* active_state() noexcept nogil:
    return <State*>tapead_active()


cdef Tape active_tape():
    """The tape that is recording in this thread, or None."""
    cdef State* st = active_state()
    return None if st.owner == NULL else <Tape>st.owner


include "_storage.pxi"
include "_sweeps.pxi"
include "_entries.pxi"
include "_tape_class.pxi"
include "_reading.pxi"
include "_noted.pxi"
include "_scalar.pxi"
include "_functions.pxi"
