"""Parameters: arrays that training changes."""

import numpy as np


class Parameter:
    """Array that training changes, and its gradient.

    Parameters
    ----------
    value : array_like
        Of any shape; it is copied.
    dtype : {float32, float64}, optional
        By default that of `value`.

    Attributes
    ----------
    value : ndarray
        The array, changed in place by optimisers.
    grad : ndarray or None
        Sum of the gradients that ``backward()`` has found since the last ``zero_grad()``.

    Raises
    ------
    TypeError
        If the array is neither of float32 nor of float64.

    See Also
    --------
    Module : Keeps parameters by name.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Parameter(np.zeros((2, 3)), dtype=np.float32)
    Parameter(shape=(2, 3), dtype=float32)
    """

    __slots__ = ("grad", "value")

    def __init__(self, value, dtype=None):
        self.value = np.array(value, dtype=dtype, order="C")
        self.grad = None
        if self.value.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"a Parameter is of float32 or float64; got {self.value.dtype}, give a dtype"
            )

    @property
    def shape(self):
        """Shape of the array."""
        return self.value.shape

    @property
    def dtype(self):
        """Type of the array's elements."""
        return self.value.dtype

    @property
    def size(self):
        """Number of elements."""
        return self.value.size

    def __repr__(self):
        return f"Parameter(shape={self.shape}, dtype={self.dtype})"
