"""Transforms: functions to their derivatives, in any order of nesting.

Each runs the function once on a tape and sweeps it. At the top level the tape is a spare one and
the sweep is numeric. Inside another recording the nodes go to its tape, and a sweep whose result
depends on the recording is itself recorded, so that it can be differentiated again. The arguments
of an inner transform are copies on the tape: an inner derivative cannot mistake an outer input
for its own (perturbation confusion).
"""

cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc

from tapead._array cimport (
    Array, add_bar, add_recorded, lifted_array, mark_dependents, number_of, reached_array,
    record_forward_mixed, record_reverse_mixed, resolve, seed_sweep,
)
from tapead._containers cimport walk
from tapead._elementals cimport OP_INPUT, push_copy
from tapead._nodes cimport (
    NO_PATH_ID, Ref, State, number_reached, operand_id, passive, push, reach,
)
from tapead._rules cimport (
    accumulate, present, record_forward, record_reverse,
)
from tapead._tape cimport (
    LANES, Entry, Sweep, Tape, Var, active_state, as_object, as_ref, first_entry,
    forward_lanes, forward_mixed, forward_sweep, new_sweep, new_var,
    raise_failed, reverse_lanes, reverse_mixed, reverse_sweep, unreach,
)

import types

import numpy as np

from tapead import _array
from tapead._containers import align, copied, leaves, map_leaves
from tapead._errors import TapeError
from tapead._array import as_array
from tapead._numpy import elements

include "_run.pxi"
include "_gradient.pxi"
include "_jacobian.pxi"
include "_array_jacobian.pxi"
include "_products.pxi"
