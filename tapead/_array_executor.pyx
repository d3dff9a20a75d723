# cython: wraparound=True
"""Executors of programs of arrays: steps on planned memory, without the GIL where they can.

A step reads and writes places: a buffer and an offset. Buffers are the arena, the inputs, the
constants and the results; the arena belongs to a frame, so that several threads may run one
program at once.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from numpy cimport ndarray, npy_intp

import math

import numpy as np

from tapead._code cimport Code, optimised
from tapead._executor cimport (
    Cluster, ClusterRun, Column, Layout, Target, n_element_chunks, run_elements, takes_threads,
    wanted_threads,
)
from tapead._images cimport MOST_IMAGES, ImageTask, fill_task, run_task
from tapead._kernels cimport new_array
from tapead._rules cimport guard_holds

from tapead._code_data import CodeData

cnp.import_array()

include "_array_steps.pxi"
include "_array_runs.pxi"
