# cython: wraparound=True
"""Programs of arrays: a recorded function of arrays that replays on planned memory.

A derivative is recorded from the function when it is first asked for: the adjoint sweep is part of
what the tape then holds. Each kind of replay keeps the paths that it has taken.
"""

cimport cython
cimport numpy as cnp
from cpython.float cimport PyFloat_CheckExact
from libc.stdint cimport int64_t
from numpy cimport ndarray

import functools
import threading

import numpy as np

from tapead import _array, transforms
from tapead._array_executor cimport ArrayExecutor
from tapead._tape cimport Tape, Var, active_state, raise_failed
from tapead.transforms cimport any_traced, checked_argnums, found_positions, may_be_traced

from tapead._array_freeze import frozen
from tapead._array_plan import Plan
from tapead._containers import copied, leaves, map_leaves
from tapead._errors import BranchChanged, TapeError
from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import OPCODES

cnp.import_array()

include "_forms.pxi"
include "_array_paths.pxi"
include "_array_program_class.pxi"
include "_array_matrices.pxi"
include "_array_sparse.pxi"
