"""Inputs: which numbers of a call are traced, and what they are called."""

import bisect
import inspect
import numbers
import re
from collections.abc import Sequence

import numpy as np

NUMBERS = (float, int, np.floating, np.integer, numbers.Rational)


def place(tape, f, args, kwargs):
    """Put every number and every array of a call on the tape.

    Returns
    -------
    args : list
    kwargs : dict
        The same containers, holding traced numbers.
    names : Names
    """
    names = Names()
    args = [
        _place(tape, value, name, names)
        for value, name in zip(args, _argument_names(f, args), strict=True)
    ]
    kwargs = {key: _place(tape, value, key, names) for key, value in kwargs.items()}
    return args, kwargs, names


class Names(Sequence):
    """Names of the inputs, made up when asked for: a list's elements take no room here."""

    def __init__(self, names=()):
        self._starts, self._groups, self._length = [], [], 0
        for name in names:
            self.append(name)

    def append(self, name, shape=()):
        """Add an input, or a list of them."""
        self._starts.append(self._length)
        self._groups.append((name, shape))
        self._length += int(np.prod(shape, dtype=int))

    def __len__(self):
        return self._length

    def __getitem__(self, index):
        index = range(self._length)[index]
        group = bisect.bisect_right(self._starts, index) - 1
        name, shape = self._groups[group]
        if not shape:
            return name
        place = np.unravel_index(index - self._starts[group], shape)
        return f"{name}[{','.join(map(str, place))}]"

    def arguments(self):
        """Names of the arguments that hold the inputs."""
        return {re.split(r"[\[.]", name)[0] for name, _ in self._groups}

    def summary(self, most=8):
        """The names for an error message."""
        shown = ", ".join(self[i] for i in range(min(most, len(self))))
        return shown + ", ..." * (len(self) > most) if shown else "none"


def _argument_names(f, args):
    """Names of the positional arguments; x1, x2, ... if the function does not tell."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(len(args) - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [*names[: len(args)], *(f"x{i + 1}" for i in range(len(names), len(args)))]


def _place(tape, value, name, names):
    """Traced counterpart of a number, or of a container of numbers."""
    if isinstance(value, np.ndarray):
        return _place_array(tape, value, name, names)
    if isinstance(value, dict):
        return {k: _place(tape, v, f"{name}[{k!r}]", names) for k, v in value.items()}
    if hasattr(value, "_fields"):
        fields = zip(value._fields, value, strict=True)
        return type(value)(*(_place(tape, v, f"{name}.{k}", names) for k, v in fields))
    if isinstance(value, (list, tuple)):
        return type(value)(_place_items(tape, value, name, names))
    if isinstance(value, bool) or not isinstance(value, NUMBERS):
        raise TypeError(
            f"argument {name} is a float, or an array, list, tuple or dict of floats; "
            f"got {type(value).__name__}"
        )
    names.append(name)
    return tape.variable(value)


def _place_items(tape, items, name, names):
    if len(items) > 1 and all(type(item) in (float, int) for item in items):
        names.append(name, (len(items),))
        return [tape.variable(item) for item in items]
    return [_place(tape, item, f"{name}[{i}]", names) for i, item in enumerate(items)]


def _place_array(tape, array, name, names):
    if array.dtype not in (np.float64, np.float32):
        raise TypeError(
            f"argument {name} is an array of float64 or float32; got {array.dtype} "
            f"(convert it: {name}.astype(float))"
        )
    names.append(name)
    return tape.variable(np.asarray(array))
