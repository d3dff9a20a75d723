"""What stands for an array inside a transform: the methods of NumPy's arrays, by its functions."""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class ArrayMethods(NDArrayOperatorsMixin):
    """Base of such classes, which know their `ndim`, `shape`, `level` and NumPy's protocols."""

    __slots__ = ()

    @property
    def T(self):  # noqa: N802 - NumPy's name
        """The transposed view."""
        return np.transpose(self)

    @property
    def mT(self):  # noqa: N802 - NumPy's name
        """The view with the last two axes exchanged."""
        return np.swapaxes(self, -1, -2)

    @property
    def real(self):
        """The array itself."""
        return self

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __hash__(self):
        return id(self) >> 4

    def __matmul__(self, other):
        return np.matmul(self, other)

    def __rmatmul__(self, other):
        return np.matmul(other, self)

    def flatten(self, order="C"):
        """A copy with one axis."""
        return np.ravel(self, order).copy()

    def reshape(self, *shape, order="C"):
        """The same elements in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes):
        """A view with permuted axes."""
        several = len(axes) != 1 or isinstance(axes[0], int)
        return np.transpose(self, (axes or None) if several else axes[0])


def _method(function):
    def method(self, *args, **kwargs):
        return function(self, *args, **kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"As ``numpy.{function.__name__}`` of the array."
    return method


for _function in (
    np.all, np.any, np.argmax, np.argmin, np.argsort, np.clip, np.cumprod, np.cumsum, np.diagonal,
    np.dot, np.max, np.mean, np.min, np.prod, np.ravel, np.repeat, np.round, np.squeeze, np.std,
    np.sum, np.swapaxes, np.take, np.trace, np.var,
):  # fmt: skip
    setattr(ArrayMethods, _function.__name__, _method(_function))


def innermost(kind, tree, found=None):
    """The innermost level of what is of a class in lists, tuples and dicts, None without any."""
    if type(tree) is kind:
        return tree.level if found is None or tree.level.depth > found.depth else found
    if isinstance(tree, list | tuple):
        for item in tree:
            found = innermost(kind, item, found)
    elif isinstance(tree, dict):
        for item in tree.values():
            found = innermost(kind, item, found)
    return found
