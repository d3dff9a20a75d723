# Objective: a function that returns one number.


@cython.final
cdef class Objective(OfVector):
    """Objective()\n--\n

    A function that returns one number, for ``scipy.optimize.minimize`` and its like.

    Comes from `objective`. Works in several threads at once.

    Attributes
    ----------
    x0 : ndarray
        Where to start.
    bounds : scipy.optimize.Bounds or None
        None if there are none.
    program : Program, ArrayProgram or None
        The recording; None if there is none.

    Notes
    -----
    `fun` and `jac` share what is known of the last point, which is told by its bytes. `fun`
    computes the gradient along with the value if it was asked for at the point before: a line
    search that only looks at values pays for no gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> o = tapead.optimize.objective(lambda x: x[0] ** 2 * x[1], np.array([3.0, 2.0]))
    >>> o.fun(o.x0), o.jac(o.x0)
    (18.0, array([12.,  9.]))
    >>> o.hess(o.x0)
    array([[4., 6.],
           [6., 0.]])
    >>> o.hessp(o.x0, np.array([1.0, 0.0]))
    array([4., 6.])
    """

    cdef object value_and_grad
    cdef bint asked  # whether the gradient was, at the last point

    cdef int know(self, object value) except -1:
        self.value_and_grad = derivative_of(self.function, "value_and_grad")
        self.asked = True
        self.found = bytes_of(self.x0), as_number(value), None
        return 0

    def fun(self, x):
        """The value.

        Parameters
        ----------
        x : ndarray of shape (n,)

        Returns
        -------
        float
        """
        cdef ndarray at = self.vector(x)
        cdef tuple found = self.found
        cdef bytes point
        if is_at(found[0], at):
            return found[1]
        point = bytes_of(at)
        if self.asked:
            self.asked = False
            value, gradient = self.value_and_grad(at)
        else:
            value, gradient = self.value_of(at), None
        value = as_number(value)
        self.found = point, value, gradient
        return value

    def jac(self, x):
        """The gradient.

        Parameters
        ----------
        x : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
            The caller's own.
        """
        cdef ndarray at = self.vector(x)
        cdef tuple found = self.found
        cdef bytes point
        self.asked = True
        if not is_at(found[0], at):
            point = bytes_of(at)
            value, gradient = self.value_and_grad(at)
            self.found = point, as_number(value), gradient
        elif found[2] is None:
            gradient = self.value_and_grad(at)[1]
            self.found = found[0], found[1], gradient
        else:
            gradient = found[2]
        return cnp.PyArray_NewCopy(gradient, cnp.NPY_CORDER)

    def hess(self, x, v=None):
        """The Hessian.

        Parameters
        ----------
        x : ndarray of shape (n,)
        v : array_like, optional
            One number that the Hessian is multiplied by, as
            ``scipy.optimize.NonlinearConstraint`` hands it over.

        Returns
        -------
        ndarray, csr_array or LinearOperator of shape (n, n)
        """
        x = self.vector(x)
        if self.form == "operator":
            product = hessian_product(self.derivative("hvp"), x.copy())
            matrix = operator(x.size, x.size, product, product)
        else:
            matrix = self.derivative(HESSIANS[self.form])(x)
        return matrix if v is None else weight_of(v) * matrix

    def hessp(self, x, p):
        """The Hessian times a vector.

        Parameters
        ----------
        x, p : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.derivative("hvp")((self.vector(x),), (self.vector(p),))[0]


def hessian_product(hvp, x):
    return lambda p: hvp((x,), (as_direction(p),))[0]


cdef object as_number(object value):
    if type(value) is float:
        return value
    if isinstance(value, (float, int, np.floating, np.integer)):
        return float(value)
    if isinstance(value, ndarray) and value.shape == () and value.dtype.kind in "fiu":
        return float(value)
    raise TypeError(f"objective needs a function that returns numbers; got {type(value).__name__}")


cdef object weight_of(object v):
    if np.size(v) != 1:
        raise ValueError(f"expected one weight in v for the one value; got {np.size(v)}")
    return float(np.reshape(v, ()))
