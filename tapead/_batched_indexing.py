"""Indices of batched arrays: basic, advanced, and batched themselves."""

import numpy as np

from tapead._batched import BatchedArray, aligned, data_of, is_batched, level_of


def get_item(array, index):
    """``array[index]`` at every point."""
    level = level_of((array, index))
    place = _Place(index, array.ndim, level)
    data = data_of(array, level)[place.index]
    return BatchedArray(data if place.moved is None else np.moveaxis(data, *place.moved), level)


def set_item(array, index, value):
    """``array[index] = value`` at every point."""
    level = level_of((array, index, value))
    if not is_batched(array, level):
        raise TypeError(
            "a value of an inner vmap cannot be written into an array of an outer one; make the "
            "array inside, with numpy.zeros_like"
        )
    if isinstance(array.data, np.ndarray) and not array.data.flags.writeable:
        raise ValueError(
            "assignment destination is read-only: it is an argument of a function within vmap, or "
            "a view of one; write to a copy of it"
        )
    place = _Place(index, array.ndim, level)
    value = aligned(value, place.rank, level)
    if place.moved is not None:
        source, destination = place.moved
        shape = np.moveaxis(np.empty(array.data.shape)[place.index], source, destination).shape
        value = np.moveaxis(np.broadcast_to(value, shape), destination, source)
    array.data[place.index] = value


class _Place:
    """An index of the data of a batched array.

    Parameters
    ----------
    index : object
        As the user gave it, for one point.
    ndim : int
        Axes of a point.
    level : Level

    Attributes
    ----------
    index : tuple
        Into the data.
    moved : tuple or None
        Which axes of what it selects NumPy puts elsewhere: where they are, and where they belong.
    rank : int
        Axes of what it selects at a point.
    """

    __slots__ = ("index", "moved", "rank")

    def __init__(self, index, ndim, level):
        parts = _parts(index, ndim)
        self.index, self.moved = (slice(None), *parts), None
        self.rank = sum(isinstance(x, slice) or x is None for x in parts)
        if any(map(_is_advanced, parts)):
            self._advance(parts, level)

    def _advance(self, parts, level):
        """Let the axes of advanced parts stay where a single point has them."""
        group = [k for k, x in enumerate(parts) if _is_advanced(x) or isinstance(x, int)]
        rank = max(x.ndim for x in parts if _is_advanced(x))
        together = group == list(range(group[0], group[-1] + 1))
        self.rank += rank
        if not any(is_batched(x, level) for x in parts):
            if not together:  # NumPy puts them in front of the points
                self.moved = (rank, 0)
            return
        points = np.arange(level.size).reshape((-1,) + (1,) * rank)
        self.index = (points, *(aligned(x, rank, level) for x in parts))
        if together and group[0] > 0:
            target = range(1 + group[0], 1 + group[0] + rank)
            self.moved = (tuple(range(1, 1 + rank)), tuple(target))


def _parts(index, ndim):
    """An index by parts, with slices for what an ellipsis or nothing stands for."""
    given = index if isinstance(index, tuple) else (index,)
    parts = [part for x in given for part in _simple(x)]
    used = sum(x is not None and x is not Ellipsis for x in parts)
    if used > ndim:
        raise IndexError(
            f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed"
        )
    filling = [slice(None)] * (ndim - used)
    for k, x in enumerate(parts):
        if x is Ellipsis:
            return (*parts[:k], *filling, *parts[k + 1 :])
    return (*parts, *filling)


def _simple(x):
    """A part of an index as integers, slices and arrays of integers."""
    if isinstance(x, list):
        x = np.stack(x) if level_of(x) else np.asarray(x) if x else np.zeros(0, int)
    if isinstance(x, np.integer):
        return [int(x)]
    if not _is_advanced(x) or x.dtype != bool:
        return [x]
    if isinstance(x, BatchedArray):
        raise IndexError(
            "a batched boolean index would pick another number of elements at every point; use "
            "numpy.where"
        )
    return list(x.nonzero())


def _is_advanced(x):
    return isinstance(x, np.ndarray | BatchedArray)
