"""What a recorded training step takes from outside, and what it hands out beside the loss.

A program has nothing but its arguments. While a step is recorded, layers ask here for what they
would otherwise draw or read, and leave here what they would otherwise change.
"""

import threading
from contextlib import contextmanager

import numpy as np

_STATE = threading.local()


class NotReplayableError(Exception):
    """A net or a loss does something that a replay would not do."""


def current():
    """What is being recorded as a step in this thread; None where nothing is."""
    return getattr(_STATE, "outside", None)


@contextmanager
def recording(outside):
    """Layers ask `outside`, and leave things there."""
    before, _STATE.outside = current(), outside
    try:
        yield outside
    finally:
        _STATE.outside = before


class Outside:
    """Masks and buffers that a step wants, statistics and checks that it leaves.

    Without arguments it finds out what is wanted, in a run on plain arrays; with those of that run
    and arrays in their place it gives these, and refuses a net that wants something else.
    """

    def __init__(self, found=None, masks=(), buffers=()):
        self.found = found
        self.wanted_masks, self.wanted_buffers = [], []
        self.masks, self.buffers = masks, buffers
        self.statistics, self.checks = [], []
        self.targets = None  # what the loss gets

    def mask(self, layer, shape, dtype):
        """The mask that a layer of dropout draws for an array."""
        self.wanted_masks.append(wanted := (layer, tuple(shape), np.dtype(dtype)))
        if self.found is None:
            return np.ones(shape, dtype)
        k = len(self.wanted_masks) - 1
        if self.found.wanted_masks[k : k + 1] != [wanted]:
            raise NotReplayableError("the net asks for other masks when it runs again")
        return self.masks[k]

    def buffer(self, module, name, value):
        """A buffer that ``forward`` reads."""
        if not isinstance(value, np.ndarray) or value.dtype not in (np.float32, np.float64):
            raise NotReplayableError(f"forward reads the buffer {name!r}, which is not of floats")
        if self.found is None:
            if (module, name) not in self.wanted_buffers:
                self.wanted_buffers.append((module, name))
            return value
        if (module, name) not in self.found.wanted_buffers:
            raise NotReplayableError("the net reads other buffers when it runs again")
        return self.buffers[self.found.wanted_buffers.index((module, name))]

    def track(self, function, *arrays):
        """Have `function` called with the numbers of `arrays` after each replay."""
        self.statistics.append((function, *arrays))

    def results(self):
        """What the program returns beside the loss."""
        return self.statistics, self.checks


class Labels(np.lib.mixins.NDArrayOperatorsMixin):
    """Integers of a batch, which losses of `tapead.nn` take as numbers; no one else can look."""

    __hash__ = object.__hash__

    def __init__(self, numbers):
        self.numbers = numbers

    @property
    def shape(self):
        """One axis, or more."""
        return self.numbers.shape

    def __len__(self):
        return self.numbers.shape[0]

    def _refuse(self, *args, **kwargs):
        raise NotReplayableError(
            "the loss computes with integer labels; a replay takes those of its batch in the "
            "losses of tapead.nn, or as floats"
        )

    __array__ = __array_ufunc__ = __array_function__ = __getattr__ = _refuse
    __getitem__ = __iter__ = __bool__ = __int__ = __float__ = __index__ = _refuse


def checked(targets, test):
    """Raise what ``test(targets)`` raises: now, or for the targets of each batch of a replay."""
    outside = current()
    if outside is None or targets is not outside.targets:
        test(targets)
    else:
        outside.checks.append(test)
