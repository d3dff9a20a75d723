"""Signatures: how arguments or results lie in a row of doubles.

A signature is made from an example. It reads trees of the same kind into doubles and builds new
ones from doubles; it keeps neither the example's containers nor its arrays. Leaves are numbers (one
double), arrays of floats (their elements in C order) and everything else, which is static: no
double holds it, and it must be the same again.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_GET_SIZE, PyList_New, PyList_SET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from tapead._nodes cimport Ref, State
from tapead._tape cimport Var, new_var

import copy
import numbers
import reprlib
from typing import NamedTuple

import numpy as np

from tapead._containers import describe
from tapead._numpy import Elements, elements

cdef extern from *:
    """
    #define tapead_enter(where) (Py_EnterRecursiveCall(where) ? -1 : 0)
    """
    int enter "tapead_enter"(const char* where) except -1
    void leave "Py_LeaveRecursiveCall"() noexcept

cdef extern from "Python.h":  # of borrowed references: no count changes in the loops over numbers
    PyObject* item_of_list "PyList_GET_ITEM"(PyObject* items, Py_ssize_t i) noexcept
    PyObject* item_of_tuple "PyTuple_GET_ITEM"(PyObject* items, Py_ssize_t i) noexcept
    bint is_float "PyFloat_CheckExact"(PyObject* x) noexcept
    double float_value "PyFloat_AS_DOUBLE"(PyObject* x) noexcept
    bint is_int "PyLong_CheckExact"(PyObject* x) noexcept
    double int_value "PyLong_AsDouble"(PyObject* x) except? -1.0

cdef object ndarray = np.ndarray
cdef object float32 = np.dtype(np.float32)
cdef object float64 = np.dtype(np.float64)
cdef tuple ARRAYS = (np.ndarray, Elements, np.memmap)  # others (masked, with units) mean more
cdef tuple BOOLS = (bool, np.bool_)
cdef tuple FLOATS = (float, np.floating)
cdef tuple INTEGERS = (int, np.integer, numbers.Rational)

include "_signature_leaves.pxi"
include "_signature_static.pxi"
include "_signature_groups.pxi"
include "_signature_kinds.pxi"
include "_signature_plain.pxi"


class Leaf(NamedTuple):
    """A number or an array of a tree, and where its doubles begin."""

    kind: str
    shape: tuple
    dtype: np.dtype
    offset: int


@cython.final
cdef class Signature:
    """Signature(tree, static_ints=False, strict=False, refusing=None)\n--\n

    How trees like `tree` lie in a row of doubles.

    Parameters
    ----------
    tree : object
        An example: numbers and arrays of floats in containers. A traced number counts as a
        number, an object array as an array of float64.
    static_ints : bool, default False
        Whether ints are static rather than numbers.
    strict : bool, default False
        Whether to tell apart what a function could: a float from an int, float64 from float32,
        dicts whose keys come in another order.
    refusing : str, optional
        The transform in whose name static leaves are refused.

    Raises
    ------
    TypeError
        If `refusing` is given and a leaf is static.
    RecursionError
        If containers are nested too deeply, or in themselves.
    """

    def __cinit__(self, tree, bint static_ints=False, bint strict=False, str refusing=None):
        self.part = <Part>tree if isinstance(tree, Part) else part_of(tree, static_ints)
        self.n = self.part.n
        self.strict = strict
        if refusing is not None:
            refuse_statics(self.part, refusing)

    @staticmethod
    cdef Signature of(object tree, bint static_ints, bint strict, str refusing):
        """Signature of an example; the parameters are the class's."""
        return Signature(tree, static_ints, strict, refusing)

    cdef int read(self, object tree, double* out) except -1:
        return self.part.read(tree, out, self.strict)

    cdef object build(self, const double* values):
        """A new tree with these numbers."""
        return self.part.build(values)

    cdef object lift(self, State* st, int64_t first):
        """A tree of Vars: of the nodes from `first` on, of which there are `n`."""
        cdef list out = []
        cdef Py_ssize_t cursor = 0
        if first < 1 or first + self.n > st.n:
            raise ValueError(f"there are no nodes {first} to {first + self.n} on this tape")
        self.part.variables(st, first, out)
        return self.part.take(out, &cursor)

    cdef list numbers_of(self, object tree):
        """The numbers of `tree` (floats, Vars) in order, those in arrays one by one."""
        cdef list out = []
        for leaf in self.flatten(tree):
            if isinstance(leaf, ndarray):
                out += leaf.ravel().tolist()
            else:
                out.append(leaf)
        if len(out) != self.n:
            self.explain(tree)
            raise ValueError(f"expected {self.n} numbers; got {len(out)}")
        return out

    def flatten(self, tree, str what="the tree"):
        """Numbers and arrays of `tree` in order; their shapes are free, static leaves left out.

        Raises
        ------
        ValueError
            If the containers differ; as `explain` says it.
        """
        cdef list out = []
        if not self.part.gather(tree, out):
            self.differ(tree, what, True)
            raise ValueError(f"{what} changed while it was read")
        return out

    def unflatten(self, leaves):
        """The tree with these in the places of numbers and arrays."""
        cdef Py_ssize_t cursor = 0
        cdef list own = list(leaves)  # a container's constructor cannot shorten it
        if len(own) != self.part.n_leaves:
            raise ValueError(f"expected {self.part.n_leaves} leaves; got {len(own)}")
        return self.part.take(own, &cursor)

    def explain(self, tree, str what="the tree"):
        """Raise an error that says where `tree` first differs; nothing if it fits.

        Parameters
        ----------
        tree : object
        what : str
            Names the tree; "argument" is that of a tuple of arguments, which are counted from 1.

        Raises
        ------
        ValueError
            If containers, lengths, keys or shapes differ, or a static leaf.
        TypeError
            If what stands for a number or an array is neither.
        """
        self.differ(tree, what, False)

    cdef int differ(self, object tree, str what, bint structure) except -1:
        if what == "argument" and isinstance(tree, tuple):
            n = len(self.part.parts_within())
            if len(tree) != n:
                raise ValueError(f"expected {n} argument{'s' * (n != 1)}; got {len(tree)}")
        return self.part.differ(tree, what, self.strict, structure)

    def leaves(self):
        """Numbers and arrays in order: a list of `Leaf`."""
        cdef list out = []
        self.part.enumerate_leaves(out, 0)
        return out

    @property
    def n_leaves(self):
        """Numbers and arrays."""
        return self.part.n_leaves

    @property
    def children(self):
        """Signatures of what a container holds."""
        return tuple([wrap(part, self.strict) for part in self.part.parts_within()])

    @property
    def offsets(self):
        """Where the doubles of each child begin."""
        cdef Py_ssize_t offset = 0
        cdef list out = []
        for part in self.part.parts_within():
            out.append(offset)
            offset += (<Part>part).n
        return tuple(out)

    def select(self, where):
        """Signature of one child, or of a tuple of several.

        Parameters
        ----------
        where : int or tuple of int
            Not negative.
        """
        cdef tuple parts = self.part.parts_within()
        for i in where if isinstance(where, tuple) else (where,):
            if not 0 <= i < len(parts):
                raise IndexError(f"there is no child {i} of {self.part.text()}")
        if not isinstance(where, tuple):
            return wrap(parts[where], self.strict)
        return wrap(sequence_of(tuple, tuple([parts[i] for i in where])), self.strict)

    @staticmethod
    def of_tuple(signatures, bint strict):
        """Signature of a tuple of these."""
        parts = tuple([(<Signature?>signature).part for signature in signatures])
        return wrap(sequence_of(tuple, parts), strict)

    @staticmethod
    def pair(Signature first not None, Signature second not None):
        """Signature of a tuple of two."""
        parts = (first.part, second.part)
        return wrap(sequence_of(tuple, parts), first.strict and second.strict)

    def to_plain(self):
        """A nested description that JSON can hold; whether it is strict is not part of it.

        Raises
        ------
        TypeError
            If there is a container or a static leaf that a file cannot hold.
        ValueError
            If containers are nested more than 100 deep.
        """
        return plain_of(self.part, 0)

    @staticmethod
    def from_plain(plain, bint strict=False):
        """The signature that `to_plain` described.

        Raises
        ------
        ValueError
            If `plain` is anything else.
        """
        part = part_from_plain(plain, 0)
        if part.n > MOST_NUMBERS:
            malformed(f"{part.n} numbers")
        return wrap(part, strict)

    def read_numbers(self, tree):
        """The doubles of `tree` as a list of floats, or None if it does not fit."""
        cdef double* row = <double*>PyMem_Malloc((self.n + 1) * sizeof(double))
        if row == NULL:
            raise MemoryError()
        try:
            return [row[i] for i in range(self.n)] if self.read(tree, row) else None
        finally:
            PyMem_Free(row)

    def build_from(self, values):
        """A new tree with these numbers."""
        cdef double[::1] row = np.array(values, dtype=np.float64).ravel()
        cdef double nothing = 0.0
        if row.shape[0] != self.n:
            raise ValueError(f"expected {self.n} numbers; got {row.shape[0]}")
        return self.build(&row[0] if self.n else &nothing)

    def __eq__(self, other):
        if type(other) is not Signature:
            return NotImplemented
        if self.strict != (<Signature>other).strict:
            return False
        return parts_equal(self.part, (<Signature>other).part)

    def __hash__(self):
        return hash((self.part.hashed, self.strict))

    def __repr__(self):
        return f"<Signature of {self.part.text()}, {self.n} number{'s' * (self.n != 1)}>"

    def __reduce__(self):
        return Signature, (self.part, False, bool(self.strict))


cdef Signature wrap(Part part, bint strict):
    return Signature(part, False, strict, None)
