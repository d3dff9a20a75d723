"""Shards of many points: what a worker does with one, and what becomes of the results.

Knows of no cluster: a shard is a pure function of what is sent, so it may run anywhere, and again.
"""

import copy
import hashlib
import pickle
import threading
from typing import NamedTuple

import numpy as np

from tapead import Program, __version__, record
from tapead._containers import leaves, map_leaves

MOST_OPENED = 8  # what a worker keeps of what it was sent; the one not used for longest leaves

_OPENED, _LOCK = {}, threading.Lock()


class Sent(NamedTuple):
    """What travels to workers once: a pickle, and the version of tapead that made it."""

    version: str
    digest: str
    data: bytes


def packed(thing):
    """Make what is sent; functions without a module's name travel by their code."""
    import cloudpickle  # dask needs it too

    data = cloudpickle.dumps(thing)
    return Sent(__version__, hashlib.sha256(data).hexdigest(), data)


def opened(sent):
    """Return what was sent, the same object each time; anything else as it is.

    Raises
    ------
    RuntimeError
        If another version of tapead has sent it.
    """
    if not isinstance(sent, Sent):
        return sent
    if sent.version != __version__:
        raise RuntimeError(
            f"a worker has tapead {__version__}, and the client {sent.version}: results would not "
            "be those of one machine; install one version everywhere"
        )
    with _LOCK:
        found = _OPENED.pop(sent.digest, None)
        found = _OPENED[sent.digest] = pickle.loads(sent.data) if found is None else found
        while len(_OPENED) > MOST_OPENED:
            del _OPENED[next(iter(_OPENED))]
    return found


class Job:
    """A map over many points: what all of its shards have in common.

    Parameters
    ----------
    function : Program or callable
        A program goes without its function, as it would by pickle.
    args : tuple
        All arguments, whole.
    mapped : list of bool
        Which of them have a leading axis.
    reduction : str or None
        As `Program.map` takes it.
    options : dict
        Others that `Program.map` takes.
    """

    def __init__(self, function, args, mapped, reduction, options):
        self.function = copy.copy(function) if isinstance(function, Program) else function
        self.kept = [None if along and not isinstance(arg, Made) else arg
                     for arg, along in zip(args, mapped, strict=True)]  # fmt: skip
        self.mapped, self.options = mapped, options
        self.reduction = reduction and "sum"

    def of(self, start, stop, arrays):
        """Results of the points from `start` to `stop`; `arrays` are those that travelled."""
        arrays = iter(arrays)
        args = []
        for arg, along in zip(self.kept, self.mapped, strict=True):
            if not along:
                args.append(arg)
            else:
                args.append(next(arrays) if arg is None else arg.points(start, stop))
        axes = tuple(0 if along else None for along in self.mapped)
        program = self._program(args)
        return program.map(*args, in_axes=axes, reduction=self.reduction, **self.options)

    def _program(self, args):
        """A program; of a function one that has seen this shard alone, whatever came before."""
        if isinstance(self.function, Program):
            return self.function
        pairs = zip(args, self.mapped, strict=True)
        point = [map_leaves(_first, arg) if along else arg for arg, along in pairs]
        function = getattr(self.function, "__wrapped__", self.function)
        return record(function, *point, argnums=self.options["argnums"] or 0, arrays=False)


def _first(leaf):
    return leaf[0] if leaf.ndim > 1 else float(leaf[0])


def of_shard(sent, start, stop, arrays):
    """Do one shard of a job: a task."""
    return opened(sent).of(start, stop, arrays)


# -- points that workers make


class Made:
    """Points that workers make for themselves, so that they need not travel.

    Stands in the place of an argument of `distributed.map`.

    Parameters
    ----------
    function : callable
        ``function(start, stop)``: the points of these numbers, with a leading axis; the same each
        time. Rows of a file that all workers can read, say, or a part of a sequence.
    n : int
        How many points there are.

    See Also
    --------
    Drawn : Random points.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import distributed
    >>> program = tapead.record(lambda x: x * x, 1.0)
    >>> x = distributed.Made(lambda start, stop: np.arange(start, stop) * 0.5, 5)
    >>> distributed.map(program, x)
    array([0.  , 0.25, 1.  , 2.25, 4.  ])
    """

    def __init__(self, function, n):
        if not callable(function):
            raise TypeError(f"expected a function that makes points; got {function!r}")
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ValueError(f"n is a number of points; got {n!r}")
        self.function, self.n = function, n

    def __len__(self):
        return self.n

    def points(self, start, stop):
        """Make some of the points.

        Parameters
        ----------
        start, stop : int
            The first one, and the one behind the last.

        Returns
        -------
        ndarray or container of ndarray
            With a leading axis.

        Raises
        ------
        ValueError
            If the function makes another number of them.
        """
        return self._checked(self.function(start, stop), stop - start)

    def _checked(self, points, n):
        for leaf in leaves(points):
            shape = np.shape(leaf)
            if shape[:1] != (n,):
                raise ValueError(
                    f"expected arrays of {n} points from the function that makes them; got "
                    f"{f'shape {shape}' if shape else type(leaf).__name__}"
                )
        return points


class Drawn(Made):
    """Random points, which workers draw for themselves.

    Stands in the place of an argument of `distributed.map`. Each shard has a generator of its own,
    so the numbers depend on the seed and on how many points a shard has, and on nothing else.

    Parameters
    ----------
    function : callable
        ``function(rng, n)``: `n` points, with a leading axis, from a `numpy.random.Generator`.
    n : int
        How many points there are.
    seed : int, default 0
        The same seed gives the same points.

    See Also
    --------
    Made : Points that are not random.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import distributed
    >>> program = tapead.record(lambda mean, z: (mean + z) ** 2, 0.5, 0.0)
    >>> z = distributed.Drawn(lambda rng, n: rng.standard_normal(n), 100_000, seed=1)
    >>> value, slope = distributed.map(
    ...     program, 0.5, z, in_axes=(None, 0), what="value_and_grad", reduction="mean")
    >>> abs(value - 1.25) < 0.02, abs(slope - 1.0) < 0.02  # 0.5**2 + 1, and 2 * 0.5
    (True, True)
    """

    def __init__(self, function, n, seed=0):
        super().__init__(function, n)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed is an int that is not negative; got {seed!r}")
        self.seed = seed

    def points(self, start, stop):
        """Draw the points of one shard.

        Parameters
        ----------
        start, stop : int
            The first one, and the one behind the last.

        Returns
        -------
        ndarray or container of ndarray
            With a leading axis.

        Raises
        ------
        ValueError
            If the function draws another number of them.
        """
        rng = np.random.default_rng((self.seed, start))
        return self._checked(self.function(rng, stop - start), stop - start)


# -- what becomes of the results


class Rows:
    """Results of all shards, one after the other."""

    def __init__(self, n_shards, n):
        self.parts = [None] * n_shards

    def put(self, i, part):
        """Take the results of shard `i`."""
        self.parts[i] = part

    def result(self):
        """Return all in one."""
        if len(self.parts) == 1:
            return self.parts[0]
        columns = [iter(leaves(part)) for part in self.parts]

        def joined(leaf):
            found = [next(column) for column in columns]
            return np.concatenate(found) if _is_numbers(leaf) else leaf

        return map_leaves(joined, self.parts[0])


class Sums:
    """Sums over shards, added in their order whatever order they come in."""

    def __init__(self, n_shards, n):
        self.n, self.next, self.early, self.total = n, 0, {}, None

    def put(self, i, part):
        """Take the sums of shard `i`."""
        self.early[i] = part
        while self.next in self.early:
            part = self.early.pop(self.next)
            self.total = part if self.next == 0 else _combined(np.add, self.total, part)
            self.next += 1

    def result(self):
        """Return the sums over all points."""
        return self.total


class Means(Sums):
    """Sums over shards, divided by the number of points."""

    def result(self):
        """Return the means over all points."""
        return _combined(np.divide, self.total, np.float64(self.n))


REDUCTIONS = {None: Rows, "sum": Sums, "mean": Means}


def _combined(operation, whole, part):
    """Numbers of a container with those of another, or with one number."""
    others = None if isinstance(part, np.float64) else iter(leaves(part))

    def combined(leaf):
        other = part if others is None else next(others)
        if not _is_numbers(leaf):
            return leaf
        found = operation(leaf, other, dtype=getattr(leaf, "dtype", None))
        return found if isinstance(leaf, np.ndarray) else type(leaf)(found)

    with np.errstate(all="ignore"):
        return map_leaves(combined, whole)


def _is_numbers(leaf):
    return isinstance(leaf, float) or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"
