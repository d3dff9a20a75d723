"""Random numbers that a step draws: a recording must not hold any."""

import copy
import functools
import os
import random
import sys
import threading
from contextlib import contextmanager

import numpy as np

from tapead.nn import _losses
from tapead.nn._living import instances
from tapead.nn._replay import NotReplayableError

DRAWS = "forward draws random numbers; Dropout can be replayed"
RUNS = 20  # in one of which, if short, no other thread draws
_SEED, _SHARED = random.Random.seed.__code__, random.random.__self__


class Generators:
    """All generators of the process, to see which ones a recording moves.

    Those of NumPy and of Python's `random` are found as objects, so it does not matter who holds
    them. Generators that are made while it runs give what their seed tells, and `seeded` sees the
    ones without a seed. After `gc.freeze` the net's and the shared ones are all that is seen of
    older ones; where `modules` and `loss` are all of `tapead.nn`, others are not looked for.
    """

    def __init__(self, modules, loss):
        own = [
            value.bit_generator
            for module in modules
            for value in vars(module).values()
            if isinstance(value, np.random.Generator)
        ]
        shared = [np.random.get_bit_generator(), _SHARED]
        self.own = set(map(id, own))
        self.owned = self.own.union(map(id, shared))
        others = () if _is_tapead_s(modules, loss) else _living()
        every = {id(generator): generator for generator in (*own, *shared, *others)}
        self.before = [(generator, _state(generator)) for generator in every.values()]

    def restored(self):
        """Whether one has moved, and was put back.

        Beside other threads, which may have moved it, only the net's and the shared ones are put
        back.
        """
        self.moved = [pair for pair in self.before if not _same(_state(pair[0]), pair[1])]
        alone = threading.active_count() == 1
        for generator, state in self.moved:
            if alone or id(generator) in self.owned:
                _put_back(generator, state)
        return bool(self.moved)

    def moved_by(self, run):
        """Whether it was this thread that moved them: it would do so in each run of `run`.

        Event loops of other threads draw from Python's shared generator a few times a second.
        """
        ids = {id(generator) for generator, _ in self.moved}
        if threading.active_count() == 1 or ids & self.own:
            return True
        again = copy.copy(self)
        for _ in range(RUNS):
            again.before = [(generator, _state(generator)) for generator, _ in self.moved]
            run()
            if not again.restored():
                return False
        return True


def _is_tapead_s(modules, loss):
    """Whether a step runs code of `tapead.nn` alone, which draws from generators of its layers."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    return vars(_losses).get(getattr(loss, "__name__", None)) is loss and all(
        _is_of_nn(type(module)) and _is_of_nn(module.forward) for module in modules
    )


def _is_of_nn(x):
    return str(getattr(x, "__module__", None)).startswith("tapead.nn.")


def _living():
    """Generators that are alive."""
    kinds = {*_kinds(np.random.BitGenerator), *_kinds(random.Random)}
    return instances(kinds - {*_kinds(random.SystemRandom)})


def _kinds(kind):
    """A class and all that are derived from it."""
    yield kind
    for derived in type.__subclasses__(kind):
        yield from _kinds(derived)


def _state(generator):
    return generator.getstate() if isinstance(generator, random.Random) else generator.state


def _put_back(generator, state):
    if isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.state = state


def _same(one, other):
    """Whether two states are equal, with the arrays in them."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


@contextmanager
def seeded():
    """Refuse what takes entropy from the system, or calls Python's shared generator.

    Nothing is seen beside a profiler of the user's. Every generator without a seed, NumPy's too,
    asks `os.urandom` or seeds a `random.Random`.
    """
    if sys.getprofile() is not None:
        yield
        return
    taken = []

    def look(frame, event, arg):
        if event == "c_call":
            is_taken = arg is os.urandom or getattr(arg, "__self__", None) is _SHARED
        else:
            is_taken = frame.f_code is _SEED and frame.f_locals["a"] is None
        if is_taken:
            taken.append(event)

    sys.setprofile(look)
    try:
        yield
    except Exception:
        if not taken:
            raise
    finally:
        sys.setprofile(None)
    if taken:
        raise NotReplayableError(DRAWS)
