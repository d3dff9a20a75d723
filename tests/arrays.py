"""What the tests of arrays share: samples of the table of primitives, and differences."""

import numpy as np

import tapead
from tapead import _array
from tapead.primitives import FUNCTIONS

NOT_HANDED_ON = (np.array, np.asarray, np.asanyarray)  # by NumPy, but with like=
EPS = np.finfo(float).eps


def seed_of(name):
    return sum(map(ord, name))


def samples():
    """(id, function, args, kwargs) of every sample of every row."""
    for function, row in FUNCTIONS.items():
        for number, sample in enumerate(row.samples):
            args, kwargs = sample(np.random.default_rng(seed_of(row.name) + number))
            yield f"{row.name}-{number}", function, args, kwargs


class Sample:
    """A call of a function as a function of the float arrays among its arguments."""

    def __init__(self, function, args, kwargs):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.arrays = []
        self._collect((args, kwargs))

    def _collect(self, tree):
        if _is_active(tree):
            self.arrays.append(tree)
        elif isinstance(tree, list | tuple):
            for item in tree:
                self._collect(item)
        elif isinstance(tree, dict):
            self._collect(list(tree.values()))

    def __call__(self, *arrays):
        """The floats among the results, as a list of arrays."""
        queue = iter(arrays)
        args, kwargs = _replaced(self.args, queue), _replaced(self.kwargs, queue)
        return _floats(self._answer(args, kwargs))

    def _answer(self, args, kwargs):
        if any(map(_holds_traced, (*args, *kwargs.values()))) and (
            isinstance(self.function, str) or self.function in NOT_HANDED_ON
        ):
            return FUNCTIONS[self.function].call(*args, **kwargs)
        if isinstance(self.function, str):
            return _import(self.function)(*args, **kwargs)
        return self.function(*args, **kwargs)


def _import(name):
    module, _, attribute = name.rpartition(".")
    return getattr(__import__(module, fromlist=[attribute]), attribute)


def _holds_traced(x):
    if isinstance(x, list | tuple):
        return any(map(_holds_traced, x))
    return hasattr(x, "__tapead_traced__") or isinstance(x, tapead.Var)


def _is_active(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _replaced(tree, queue):
    if _is_active(tree):
        return next(queue)
    if isinstance(tree, list | tuple):
        return type(tree)([_replaced(item, queue) for item in tree])
    if isinstance(tree, dict):
        return {key: _replaced(value, queue) for key, value in tree.items()}
    return tree


def _floats(result):
    if isinstance(result, list | tuple):
        return [part for item in result for part in _floats(item)]
    if isinstance(result, np.ndarray) and result.dtype.kind not in "fO":
        return []
    if isinstance(result, float | np.floating | tapead.Var | np.ndarray | _array.Array):
        return [result]
    if hasattr(result, "__tapead_series__"):
        return [result]
    return []


def flat(results):
    """All numbers of a list of plain arrays."""
    return np.concatenate([np.ravel(np.asarray(r, dtype=float)) for r in results] or [[]])


def directions(arrays, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (rng.uniform(0.5, 1.0, x.shape) * rng.choice([-1.0, 1.0], x.shape)).astype(x.dtype)
        for x in arrays
    ]


def difference(f, arrays, tangents):
    """Central difference along a direction, extrapolated once: error O(h^4)."""
    h = 8 * EPS ** (1 / 3)

    def quotient(h):
        up, down = (
            flat(f(*[x + s * h * d for x, d in zip(arrays, tangents, strict=True)]))
            for s in (1, -1)
        )
        return (up - down) / (2 * h)

    return (4 * quotient(h / 2) - quotient(h)) / 3


def total(results):
    """One number that depends on every number of the results, each with a weight of its own."""
    out = 0.0
    for k, result in enumerate(results):
        weights = 1.0 + 0.3 * np.cos(np.arange(np.size(plain(result))) + k)
        out = out + np.sum(result * weights.reshape(np.shape(plain(result))))
    return out


def plain(x):
    return x.value if hasattr(x, "value") else x
