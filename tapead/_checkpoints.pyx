"""Checkpoints of a loop: which states are kept, and how steps are run again from them.

The steps of a loop are differentiated from the last to the first, and each of them needs the state
that it began with. A fixed number of states is kept; the others are computed again from the nearest
one before them. `_revolve` says which are kept, `_replayed_steps` runs steps that are programs of
numbers, and `Called` those of Python.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from tapead._code cimport Code, optimised, reverse_code
from tapead._executor cimport Executor, Frame, executor_for

import numpy as np

BOOKKEEPING = 24  # bytes beside each state that may be kept: its number and two links


cdef class Steps:
    """What runs the steps of a loop. It has a current state, and slots for states that are kept.

    Abstract: a loop is a `Called` or a `Replayed`, which have each of these methods.
    """

    cdef int64_t at  # the step that runs, for errors

    cdef int advance(self, int64_t first, int64_t count) except -1:
        """Run `count` steps, of which `first` is the number of the first."""
        raise NotImplementedError

    cdef bint ended(self) except -1:
        """Whether the current state is the last one."""
        raise NotImplementedError

    cdef int undo(self) except -1:
        """Go back to the state in front of the step that was run last."""
        raise NotImplementedError

    cdef int keep(self, int64_t slot, bint before) except -1:
        """Keep the current state, or the one in front of the step that was run last."""
        raise NotImplementedError

    cdef int take(self, int64_t slot) except -1:
        """Make a kept state the current one."""
        raise NotImplementedError

    cdef int pull(self, int64_t i) except -1:
        """Pull the adjoints through step i, which begins with the current state."""
        raise NotImplementedError


@cython.final
cdef class Called(Steps):
    """Called(steps)\n--\n

    Steps of an object in Python: one with the methods of `Steps`, which take no step numbers.
    """

    cdef object steps

    def __init__(self, steps):
        self.steps = steps

    cdef int advance(self, int64_t first, int64_t count) except -1:
        cdef int64_t i
        for i in range(first, first + count):
            self.at = i
            self.steps.advance()
        return 0

    cdef bint ended(self) except -1:
        return self.steps.ended()

    cdef int undo(self) except -1:
        self.steps.undo()
        return 0

    cdef int keep(self, int64_t slot, bint before) except -1:
        self.steps.keep(slot, before)
        return 0

    cdef int take(self, int64_t slot) except -1:
        self.steps.take(slot)
        return 0

    cdef int pull(self, int64_t i) except -1:
        self.at = i
        self.steps.pull()
        return 0


include "_revolve.pxi"
include "_replayed_steps.pxi"
