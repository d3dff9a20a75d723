# VectorObjective: a function that returns a vector.


@cython.final
cdef class VectorObjective(OfVector):
    """VectorObjective()\n--\n

    A function that returns a vector: residuals, equations or constraints.

    Comes from `objective`, where the function returns an array or a container; m is how many
    numbers are in it. Goes to ``scipy.optimize.least_squares``, ``root`` and
    ``NonlinearConstraint``. Works in several threads at once.

    Attributes
    ----------
    x0 : ndarray
        Where to start.
    bounds : scipy.optimize.Bounds
        Infinite where there are none.
    program : Program, ArrayProgram or None
        The recording; None if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from scipy import optimize
    >>> def residuals(x):
    ...     return np.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])
    >>> o = tapead.optimize.objective(residuals, np.array([-1.2, 1.0]))
    >>> optimize.least_squares(o.fun, o.x0, jac=o.jac, bounds=o.bounds).x
    array([1., 1.])
    >>> o.hess(o.x0, [1.0, 0.0])
    array([[-20.,   0.],
           [  0.,   0.]])
    """

    cdef tuple jacobian  # with its point

    def __cinit__(self):
        self.jacobian = None, None

    cdef int know(self, object value) except -1:
        self.found = bytes_of(self.x0), np.array(value, dtype=np.float64)
        return 0

    def fun(self, x):
        """The values.

        Parameters
        ----------
        x : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (m,)
            The caller's own.
        """
        cdef ndarray at = self.vector(x)
        cdef tuple found = self.found
        cdef bytes point
        if not is_at(found[0], at):
            point = bytes_of(at)
            found = self.found = point, np.array(self.value_of(at), dtype=np.float64)
        return cnp.PyArray_NewCopy(found[1], cnp.NPY_CORDER)

    def jac(self, x):
        """The Jacobian.

        Parameters
        ----------
        x : ndarray of shape (n,)

        Returns
        -------
        ndarray, csr_array or LinearOperator of shape (m, n)
            The caller's own.
        """
        cdef ndarray at = self.vector(x)
        cdef tuple found = self.jacobian
        cdef bytes point
        if self.form == "operator":
            return jacobian_operator(self.function, at.copy(), self.found[1].size)
        if not is_at(found[0], at):
            point = bytes_of(at)
            found = self.jacobian = point, self.derivative(JACOBIANS[self.form])(at)
        return found[1].copy()

    def hess(self, x, v):
        """The sum of the Hessians of all values, each times its number in `v`.

        Parameters
        ----------
        x : ndarray of shape (n,)
        v : ndarray of shape (m,)

        Returns
        -------
        ndarray, csr_array or LinearOperator of shape (n, n)
        """
        x, v = self.vector(x), as_vector(v, self.found[1].size, "weights in v, one for each value")
        if self.form != "operator":
            return self.of_weighted(HESSIANS[self.form], x, v)(x, v)
        product = weighted_product(self.of_weighted("hvp", x, v), x.copy(), v.copy())
        return operator(self.x0.size, self.x0.size, product, product)

    cdef object of_weighted(self, str name, ndarray x, ndarray v):
        """A derivative of the weighted sum of the values, by x and the weights."""
        if name not in self.late:
            function = weighted(self.function)
            if self.program is not None:
                function = record(function, x, v, on_branch="record")
            self.late[name] = derivative_of(function, name)
        return self.late[name]


def weighted(function):
    return lambda x, v: np.sum(function(x) * v)


def weighted_product(hvp, x, v):
    zero = np.zeros(v.size)
    return lambda p: hvp((x, v), (as_direction(p), zero))[0]


def jacobian_operator(function, x, m):
    """The Jacobian at a point by sweeps."""
    pullbacks = []

    def transposed(p):
        if not pullbacks:
            pullbacks.append(tapead.vjp(function, x)[1])
        return pullbacks[0](as_direction(p))[0]

    return operator(m, x.size, lambda p: tapead.jvp(function, (x,), (as_direction(p),))[1],
                    transposed)


def as_direction(p):
    return np.asarray(p, dtype=np.float64).reshape(-1)
