"""Functions of vectors as solvers ask for them: what is known of the last point is kept.

A solver asks for the value and for each derivative at a point in separate calls, with a vector that
it writes to between them. What is known of the last point stands in one tuple with that point's
bytes: what is read there belongs together, in any thread.
"""

cimport cython
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.string cimport memcmp
from numpy cimport ndarray

import functools

import numpy as np

import tapead
from tapead._array_program import ArrayProgram
from tapead._containers import align, copied, map_leaves
from tapead._parameters import as_float64, as_vector
from tapead._program import Program, record
from tapead._ravel import raveled

cnp.import_array()

JACOBIANS = {"dense": "jacobian", "sparse": "sparse_jacobian"}
HESSIANS = {"dense": "hessian", "sparse": "sparse_hessian"}
PAIRED = ("jvp", "hvp")  # transforms that take the function beside its arguments


cdef class OfVector:
    """What functions of both kinds have: the start, bounds, and the way back to containers."""

    cdef readonly ndarray x0
    cdef public object bounds
    cdef readonly object program
    cdef object function
    cdef object value_of  # the function, for arguments that it may write to
    cdef object shape  # tapead._ravel.Raveled
    cdef str form
    cdef tuple made  # how a pickle makes it again
    cdef dict late  # derivatives that were asked for
    cdef tuple found  # at the last point
    cdef object __weakref__

    def __cinit__(self):
        self.x0, self.late, self.found = np.zeros(0), {}, (None, None, None)

    def __init__(self, *args, **kwargs):
        raise TypeError("it comes from tapead.optimize.objective(f, x0)")

    cdef int begin(
        self, object function, ndarray start, object shape, object bounds, str form, tuple made
    ) except -1:
        self.x0, self.bounds = start, bounds
        self.function, self.shape, self.form, self.made = function, shape, form, made
        self.program = function if is_program(function) else None
        self.value_of = function if self.program is not None else on_copy(function)
        return 0

    def __reduce__(self):
        return self.made

    def unravel(self, x):
        """The parameters of a vector, in the structure that `objective` was given.

        Parameters
        ----------
        x : ndarray
            As a solver returns it.

        Returns
        -------
        float, array or container of them
        """
        return copied(self.shape.tree(self.vector(x)))

    def ravel(self, params):
        """The vector of parameters in the structure that `objective` was given.

        Parameters
        ----------
        params : float, array or container of them

        Returns
        -------
        ndarray

        Raises
        ------
        ValueError
            If it is another structure.
        """
        like = self.shape.tree(self.x0)
        return np.array(raveled(align(like, map_leaves(as_float64, params), "parameters like x0")))

    cdef int know(self, object value) except -1:
        """Keep the value at the start."""
        raise NotImplementedError

    cdef ndarray vector(self, object x):
        """`x` itself if it is a vector of as many doubles as there are parameters."""
        if cnp.PyArray_CheckExact(x):
            if (cnp.PyArray_TYPE(x) == cnp.NPY_DOUBLE and cnp.PyArray_NDIM(x) == 1
                    and cnp.PyArray_DIM(x, 0) == cnp.PyArray_DIM(self.x0, 0)
                    and cnp.PyArray_ISCARRAY_RO(x)):
                return x
        return as_vector(x, self.x0.size)

    cdef object derivative(self, str name):
        """A derivative of the function, made when it is first asked for."""
        if name not in self.late:
            self.late[name] = derivative_of(self.function, name)
        return self.late[name]


def made_objective(function, value, start, shape, bounds, form, made):
    """What stands for a function of a vector that has this value at the start."""
    cdef OfVector out
    kind = VectorObjective if np.shape(value) else Objective
    out = kind.__new__(kind)
    out.begin(function, start, shape, bounds, form, made)
    out.know(value)
    return out


cdef bint is_at(object point, ndarray x) noexcept:
    """Whether a vector has the bytes of a point."""
    return point is not None and not memcmp(
        PyBytes_AS_STRING(point), cnp.PyArray_DATA(x), cnp.PyArray_NBYTES(x))


cdef bytes bytes_of(ndarray x):
    return PyBytes_FromStringAndSize(<char*>cnp.PyArray_DATA(x), cnp.PyArray_NBYTES(x))


cdef bint is_program(object function):
    return isinstance(function, (Program, ArrayProgram))


def on_copy(function):
    """A function that gets a copy of its argument."""
    return lambda x: function(x.copy())


cdef object derivative_of(object function, str name):
    """A transform of a function: the method of a program, which is the shorter way."""
    if is_program(function) and hasattr(function, name):
        return getattr(function, name)
    transform = getattr(tapead, name)
    return functools.partial(transform, function) if name in PAIRED else transform(function)


cdef object operator(Py_ssize_t n_rows, Py_ssize_t n_columns, object product, object transposed):
    """A matrix by its products."""
    from scipy.sparse.linalg import LinearOperator

    return LinearOperator(
        (n_rows, n_columns), matvec=product, rmatvec=transposed, dtype=np.float64)


include "_objective.pxi"
include "_vector_objective.pxi"
