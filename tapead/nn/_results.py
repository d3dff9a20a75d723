"""Results: what a net returns while it is trained, which knows the way back to the parameters.

A `Result` keeps the tape on which it was computed and enters it again for every operation, so
that ordinary code between a net and ``loss.backward()`` is recorded wherever it stands.
"""

import functools
import threading
import weakref
from contextlib import contextmanager

import numpy as np

from tapead import Array, Tape, TapeError, Var

_STATE = threading.local()


def in_use():
    """Values of parameters during a call, by parameter; None where no call is under way."""
    return getattr(_STATE, "values", None)


@contextmanager
def using(values):
    """Parameters stand for `values`, and those that are not among them for their own arrays."""
    outer = in_use()
    _STATE.values = values if not outer else {**outer, **values}
    try:
        yield
    finally:
        _STATE.values = outer


def is_traced(x):
    return isinstance(x, (Array, Var))


class Recording:
    """A tape, and the parameters that were put on it."""

    def __init__(self):
        self.tape = Tape()
        self.uses = []  # (parameter, its variable), anew for each call: values may have changed
        self.is_swept = False

    @classmethod
    def current(cls):
        """The one that this thread's unswept results are on, or a new one."""
        reference = getattr(_STATE, "recording", None)
        recording = reference() if reference is not None else None
        if recording is None or recording.is_swept:
            recording = cls()
            _STATE.recording = weakref.ref(recording)
        return recording

    def run(self, function, args, kwargs, parameters=()):
        """Value of a function, recorded; `parameters` become variables."""
        with self.tape:
            values = {p: self.tape.variable(p.value) for p in parameters}
            self.uses += values.items()
            with using(values):
                out = function(*self._plain(args), **self._plain(kwargs))
        return self._wrapped(out)

    def _plain(self, tree):
        """Arguments with traced values in the place of results."""
        if isinstance(tree, Result):
            if tree._recording is not self:
                raise TapeError(
                    "these results stand on two recordings; call backward() of a loss that was "
                    "computed from both before either is swept, or compute them anew"
                )
            return tree._traced
        if type(tree) in (list, tuple):
            return type(tree)(map(self._plain, tree))
        return {k: self._plain(x) for k, x in tree.items()} if type(tree) is dict else tree

    def _wrapped(self, tree):
        if is_traced(tree):
            return Result(self, tree)
        return type(tree)(map(self._wrapped, tree)) if type(tree) in (list, tuple) else tree

    def sweep(self, y, seed):
        """Add the adjoints of all parameters to their gradients."""
        self.is_swept = True
        adjoints = self.tape.gradient(y, [x for _, x in self.uses], seed)
        for (parameter, _), adjoint in zip(self.uses, adjoints, strict=True):
            if parameter.grad is None:
                parameter.grad = adjoint
            else:
                parameter.grad += adjoint


def recording_of(tree):
    """The recording of the first result among arguments; None if there is no result."""
    if isinstance(tree, Result):
        return tree._recording
    if type(tree) is dict:
        tree = list(tree.values())
    if type(tree) not in (list, tuple):
        return None
    return next(filter(None, map(recording_of, tree)), None)


def takes_results(function):
    """Let a function of arrays take results, and return one."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        recording = recording_of((*args, kwargs))
        if recording is None:
            return function(*args, **kwargs)
        return recording.run(function, args, kwargs)

    return wrapper


class Result(np.lib.mixins.NDArrayOperatorsMixin):
    """Array or number computed by a net in training, on the way to a loss.

    Takes part in arithmetic, in NumPy's functions and in those of `tapead.nn`; what comes out is a
    result again. Its methods are those of arrays. Not made by hand: ``net(x)`` returns one.

    Parameters
    ----------
    recording : object
        Where it was computed.
    traced : Array or Var
        What was computed.

    See Also
    --------
    Module.apply : The functional spelling, for use with `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> net = nn.Linear(2, 1, rng=0)
    >>> loss = np.mean(net(np.ones((3, 2))) ** 2)
    >>> loss.backward()
    >>> net.weight.grad.shape, loss.shape
    ((1, 2), ())
    """

    __hash__ = object.__hash__

    def __init__(self, recording, traced):
        self._recording, self._traced = recording, traced

    @property
    def value(self):
        """Its numbers: an ndarray, or a float."""
        return self._traced.value

    @property
    def shape(self):
        """Its shape, () for a number."""
        return getattr(self._traced, "shape", ())

    def item(self):
        """Return its only number.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If it has more than one.

        See Also
        --------
        backward : Derivatives of the number.
        """
        return np.asarray(self.value).item()

    def backward(self, gradient=None):
        """Add the derivatives of this number to ``grad`` of every parameter it depends on.

        Parameters
        ----------
        gradient : ndarray, optional
            Adjoint of the result, which may then be an array.

        Raises
        ------
        ValueError
            If this is an array and no `gradient` is given, or one of another shape.

        See Also
        --------
        item : The number.
        """
        if gradient is None and self.shape and np.prod(self.shape) != 1:
            raise ValueError(
                f"backward() starts from one number; got shape {self.shape}: take np.mean or "
                "np.sum of it, or give backward(gradient) of that shape"
            )
        if gradient is not None and np.shape(gradient) != self.shape:
            raise ValueError(
                f"the gradient of a result of shape {self.shape} has that shape; got "
                f"{np.shape(gradient)}"
            )
        self._recording.sweep(self._traced, 1.0 if gradient is None else gradient)

    def __float__(self):
        return self.item()

    def __format__(self, specification):
        return format(self.value, specification)

    def __repr__(self):
        return f"Result({self.value!r})"

    def __len__(self):
        return len(self._traced)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "making it a plain array would drop the derivative; take result.value, or call the net "
            "after net.eval()"
        )

    def __getitem__(self, index):
        return self._recording.run(lambda x: x[index], (self,), {})

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        with self._recording.tape:
            attribute = getattr(self._traced, name)
        if not callable(attribute):
            return self._recording._wrapped(attribute)
        return lambda *args, **kwargs: self._recording.run(attribute, args, kwargs)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        recording = recording_of((inputs, kwargs))
        return recording.run(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return recording_of((args, kwargs)).run(function, args, kwargs)
