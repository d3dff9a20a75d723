"""Sparse Jacobians and Hessians of functions: recorded at the first call, replayed afterwards."""

import types

from tapead import _program
from tapead._array_program import NOT_TRACED, ArrayProgram
from tapead.transforms import jacobian


class _SparseTransform:
    """A function made from a function: knows it as ``__wrapped__`` and binds as a method."""

    def __init__(self, f, argnums=0, has_aux=False):
        name = type(self).__name__
        if not callable(f):
            raise TypeError(f"{name} needs a function; got {type(f).__name__}")
        jacobian(f, argnums)  # refuses what is no argnums
        self.__wrapped__ = f
        self.__name__ = f"{name}({getattr(f, '__name__', type(f).__name__)})"
        self._argnums, self._has_aux = argnums, has_aux
        recorded = isinstance(f, (_program.Recorded, ArrayProgram))
        self._recorded = f if recorded else _program.compile(f)

    def __call__(self, *args, **kwargs):
        name = type(self).__name__
        found = self._recorded.transformed(name, self._argnums, self._has_aux, args, kwargs)
        if found is NotImplemented and self._recorded is self.__wrapped__:
            self._recorded = _program.compile(self.__wrapped__)
            found = self._recorded.transformed(name, self._argnums, self._has_aux, args, kwargs)
        if found is NotImplemented:
            raise TypeError(NOT_TRACED.format(name, name.removeprefix("sparse_")))
        return found

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self):
        return type(self), (self.__wrapped__, self._argnums, self._has_aux)

    def __repr__(self):
        return f"<tapead.{self.__name__}>"


class sparse_jacobian(_SparseTransform):
    """Function of the Jacobian of `f` as a sparse matrix.

    `f` is recorded as `compile` does it: at the first call, and anew where a comparison comes out
    differently or the arguments have another structure. The pattern of each path is found once.

    Parameters
    ----------
    f : callable
        Returns floats, arrays of floats, or containers of them. Depends on its arguments only:
        what it captures is a constant of the recording.
    argnums : int or tuple of int, default 0
        As for `grad`.
    has_aux : bool, default False
        Whether `f` returns a pair of the result and anything else.

    Returns
    -------
    callable
        Returns a `scipy.sparse.csr_array`: a row for each number of the result and a column for
        each number of the arguments, in the order of their leaves. All entries that structure
        allows are there, also those that are 0. With `has_aux` a pair of it and the auxiliary
        result.

    Raises
    ------
    TypeError
        If a result or an argument is no float, or an argument is traced.

    See Also
    --------
    jacobian : In the structure of result and arguments, by which it can be differentiated again.
    Program.sparse_jacobian : Of a recorded program.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> J = tapead.sparse_jacobian(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> J.toarray()
    array([[2., 1., 0., 0.],
           [0., 3., 2., 0.],
           [0., 0., 4., 3.]])
    """


class sparse_hessian(_SparseTransform):
    """Function of the Hessian of `f` as a sparse matrix.

    Parameters
    ----------
    f : callable
        Returns one number. Recorded as for `sparse_jacobian`.
    argnums : int or tuple of int, default 0
        As for `grad`.
    has_aux : bool, default False
        Whether `f` returns a pair of the result and anything else.

    Returns
    -------
    callable
        Returns a `scipy.sparse.csr_array` with both halves. With `has_aux` a pair of it and the
        auxiliary result.

    Raises
    ------
    TypeError
        If the result is not one number, or an argument is no float or is traced.

    See Also
    --------
    hessian : In the structure of the arguments, by which it can be differentiated again.
    hvp : Products with vectors, without the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> H = tapead.sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.array([1.0, 2.0, 3.0]))
    >>> H.toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
