"""Sparsity: which inputs each result depends on, and which directions can share a sweep.

Sets of indices are swept through what a program does. A colouring groups the columns, or the rows,
of a pattern so that one direction per group tells all entries apart [1]_.

.. [1] A. H. Gebremedhin, F. Manne, A. Pothen, "What color is your Jacobian? Graph coloring for
   computing derivatives", *SIAM Review* 47 (2005), 629-705.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memcmp, memcpy

import numpy as np

from tapead.elementals import INSTRUCTIONS

include "_index_sets.pxi"
include "_index_members.pxi"
include "_pattern_sweeps.pxi"
include "_colourings.pxi"
