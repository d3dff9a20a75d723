"""What a person writes for a view of memory: ``[1:, ::2]``, a transposition, another shape.

Guesses are checked: NumPy makes the view, and it must have the strides of the one that is told.
"""

import functools
import itertools

import numpy as np

MOST_AXES = 4  # of which all orders are tried


class View:
    """Layout of a view, as `entry_facts` tells it."""

    def __init__(self, geometry):
        base_shape, order, self.shape, self.strides, self.offset, itemsize = geometry
        self.base = np.empty(base_shape, f"V{itemsize}", order)

    def is_like(self, view):
        """Whether `view` is this view."""
        if view.shape != self.shape:
            return False
        if view.size == 0:
            return True
        long = [n > 1 for n in self.shape]
        strides = [tuple(itertools.compress(s, long)) for s in (view.strides, self.strides)]
        return strides[0] == strides[1] and self.offset == _address(view) - _address(self.base)


def _address(array):
    return array.__array_interface__["data"][0]


@functools.lru_cache(maxsize=1024)
def written(geometry):
    """Text in front of the base's name and text behind it; None if no words were found."""
    view = View(geometry)
    if view.is_like(view.base):
        return "", ""
    for order in _orders(len(view.shape)):
        shape, strides = _permuted(view, order)
        for index in _indices(view, shape, strides):
            if view.is_like(np.transpose(_seen(view.base, index), np.argsort(order))):
                return _with_order(index_text(index), order)
    return _reshaped(view)


def index_of(geometry):
    """Index that selects a view with axes in their order, None if there is none."""
    view = View(geometry)
    for index in _indices(view, view.shape, view.strides):
        if view.is_like(_seen(view.base, index)):
            return index
    return None


def index_text(index):
    """An index as Python writes it, in brackets; nothing for all of an array."""
    parts = list(index)
    while parts and parts[-1] == slice(None):
        parts.pop()
    return f"[{', '.join(map(part_text, parts))}]" if parts else ""


def part_text(part):
    """One part of an index."""
    if part is None:
        return "None"
    if not isinstance(part, slice):
        return str(part)
    start, stop, step = ("" if x is None else str(x) for x in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")


def _seen(base, index):
    return base[(*index, ...)]


def _orders(n):
    """Orders of axes; the one at hand first, then all turned round."""
    if n > MOST_AXES:
        return [tuple(range(n)), tuple(reversed(range(n)))]
    return sorted(itertools.permutations(range(n)), key=lambda p: (p != tuple(sorted(p)), p[::-1]))


def _permuted(view, order):
    return tuple(view.shape[i] for i in order), tuple(view.strides[i] for i in order)


def _with_order(index, order):
    """The inverse of what `order` did to the axes, in words."""
    if order == tuple(sorted(order)):
        return "", index
    if len(order) == 2:
        return "", f"{index}ᵀ"
    return "transpose(", f"{index}, {tuple(np.argsort(order).tolist())})"


def _reshaped(view):
    """The same for what is no index."""
    if view.base.ndim == 2 and view.is_like(np.diagonal(view.base)):
        return "diagonal(", ")"
    for name in "reshape", "broadcast_to":
        try:
            made = getattr(np, name)(view.base, view.shape)
        except ValueError:
            continue
        if view.is_like(made):
            return f"{name}(", f", {view.shape})"
    return None


def _indices(view, shape, strides):
    """Basic indices that might lead to a view of this shape."""
    starts = _starts(view)
    return _match(
        list(zip(view.base.shape, view.base.strides, starts, strict=True)), shape, strides
    )


def _starts(view):
    """Index of a view's first element."""
    starts, left = [0] * view.base.ndim, view.offset
    for axis in sorted(range(view.base.ndim), key=lambda d: (-view.base.strides[d], d)):
        if view.base.shape[axis] > 1 and view.base.strides[axis]:
            starts[axis], left = divmod(left, view.base.strides[axis])
    return starts


def _match(axes, shape, strides):
    """Indices that take the axes of a base, (length, stride, start), to those of a view."""
    if not axes:
        if all(n == 1 for n in shape):
            yield (None,) * len(shape)
        return
    length, stride, start = axes[0]
    if shape:
        part = _slice(length, stride, start, shape[0], strides[0])
        if part is not None:
            yield from ((part, *rest) for rest in _match(axes[1:], shape[1:], strides[1:]))
    if start < length and len(axes) > len(shape) - shape.count(1):
        yield from ((start, *rest) for rest in _match(axes[1:], shape, strides))
    if shape and shape[0] == 1:
        yield from ((None, *rest) for rest in _match(axes, shape[1:], strides[1:]))


def _slice(length, stride, start, n, view_stride):
    """Slice of an axis that has n elements from `start` on, None if there is none."""
    if n == 0:
        return slice(start, start)
    step = 1 if n == 1 or stride == 0 else view_stride // stride
    last = start + step * (n - 1)
    if step == 0 or not 0 <= last < length or (n > 1 and step * stride != view_stride):
        return None
    if step > 0:
        begin, end = start or None, None if last + step >= length else last + 1
    else:
        begin = None if start == length - 1 else start
        end = None if last + step < 0 else last - 1
    return slice(begin, end, None if step == 1 else step)
