"""Code: the instructions of a program in static single assignment, and what rewrites them.

A Code is frozen from a tape, and never changes once it is made: a pass yields another one.
"""

cimport cython
from libc.math cimport fabs, frexp, isfinite
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from tapead._elementals cimport (
    OP_ADD, OP_CARRY, OP_COPY, OP_DIVIDE, OP_INPUT,
    OP_MULTIPLY, OP_NEGATIVE, OP_POWER, OP_SEED, OP_SUBTRACT,
)
from tapead._nodes cimport (
    NO_PATH_ID, Node, Ref, State, is_no_path, is_unreached, operand_id, passive, push,
)
from tapead._rules cimport (
    accumulate, present, record_forward, record_forward_at, record_reverse, value_of,
)
from tapead._tape cimport Guard, Tape, make_room, raise_failed

import numpy as np

from tapead._code_data import CodeData, check
from tapead.elementals import COMMUTING, INSTRUCTIONS

cdef uint8_t[256] UNARY, COMMUTES
memset(UNARY, 0, sizeof(UNARY))
memset(COMMUTES, 0, sizeof(COMMUTES))
for _code, _row in enumerate(INSTRUCTIONS, start=1):
    UNARY[_code] = _row.arity == 1
    COMMUTES[_code] = _row.name in COMMUTING


include "_code_class.pxi"
include "_freeze.pxi"
include "_passes.pxi"
include "_schedule.pxi"
include "_derive.pxi"
