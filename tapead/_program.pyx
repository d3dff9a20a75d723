"""Programs: a recorded function that replays, differentiates itself, and runs over many points.

A Path is what was recorded along one way through the function: Code and the signatures of
arguments and result. Each derivative of it is a Kernel: other Code, behind an executor, made when
it is first asked for. A Program holds the paths it has taken; `compile` keeps those of a function
whatever its arguments look like.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from tapead._code cimport (
    NO_OPERAND, Code, CodeGuard, compacted, forward_code, freeze, optimised, reverse_code,
    sparse_code,
)
from tapead._elementals cimport OP_INPUT
from tapead._executor cimport Batch, Column, Executor, Frame, Target, executor_for
from tapead._nodes cimport Ref, State, passive, push, unreached
from tapead._rules cimport guard_holds, push_op, value_of
from tapead._signature cimport Signature
from tapead._tape cimport Tape, Var, active_state, as_object, as_ref, note_guard, raise_failed
from tapead.transforms cimport (
    any_traced, blocks_of, checked_argnums, found_positions, may_be_traced,
)

import enum
import functools
import operator
import sys
import threading

import numpy as np

from tapead import _array, _array_program, _numpy, transforms
from tapead._code import steps
from tapead._sparsity import code_pattern
from tapead._executor import get_num_threads
from tapead._containers import copied, leaves, map_leaves
from tapead._errors import BranchChanged, TapeError
from tapead._guards import COMPARISONS, GUARDS
from tapead._array import Array
from tapead._numpy import elements


class Status(enum.IntEnum):
    """How the last replay went, the worst of all points it was at."""

    NONE = -1  # there was none
    SAME_PATH = 0
    AT_KINK = 1  # the path recorded, at a point where a derivative jumps or a comparison ties
    BRANCH_CHANGED = 2

    def __str__(self):
        texts = {-1: "not replayed", 0: "same path", 1: "at a kink or tie", 2: "branch changed"}
        return texts[self]


include "_path.pxi"
include "_recorded.pxi"
include "_replayed.pxi"
include "_matrices.pxi"
include "_sparse.pxi"
include "_program_class.pxi"
include "_map.pxi"
include "_inline.pxi"
include "_compiled.pxi"

transforms.register_recorded((Recorded, _array_program.ArrayProgram))
