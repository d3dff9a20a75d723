"""Containers of numbers and arrays as vectors, and back; traced where they are."""

import math

import numpy as np

from tapead._array import as_array
from tapead._containers import leaves
from tapead._joint import Flat, as_number, shape_of


class Raveled:
    """The structure of a container of floats, whose numbers stand in a vector of float64.

    Parameters
    ----------
    tree : float, array or container of them

    Attributes
    ----------
    size : int
        Length of the vector.
    """

    __slots__ = ("_flat", "_parts", "size")

    def __init__(self, tree):
        self._flat = Flat(tree)
        self._parts, self.size = [], 0
        for leaf in self._flat.leaves:
            shape = shape_of(leaf)
            end = self.size + math.prod(shape)
            self._parts.append((self.size, end, shape, getattr(leaf, "dtype", None)))
            self.size = end
        self._flat.leaves = None

    def tree(self, vector):
        """The container of the numbers of a vector, or of vectors along the last axis."""
        return self._flat.filled([self._part(vector, *part) for part in self._parts])

    def _part(self, vector, start, end, shape, dtype):
        lead = vector.shape[:-1]
        if not lead and dtype is None:
            return as_number(vector[start])
        part = np.reshape(vector[..., start:end], (*lead, *shape))
        return part.astype(dtype) if dtype == np.float32 else part


def raveled(tree):
    """The numbers of a container as a vector of float64."""
    parts = [np.reshape(as_array(x), -1) for x in leaves(tree)]
    parts = [x if x.dtype == np.float64 else x.astype(np.float64) for x in parts]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0)
