"""Long loops: their adjoints within a number of bytes beside those of a plain loop on a tape.

The loop is Euler's method for the equations of Lotka and Volterra, whose adjoint of a parameter is
compared with the plain loop's before anything is timed.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

import tapead
from tapead._checkpoints import Called, Checkpoints, fewest_runs

from .measure import EVERY, check, fastest, some, versioned
from .memory import _rise

STATE = (1.5, 0.5)
BUDGET = 40_000  # bytes: 1,000 states of two numbers
LENGTHS = (1_000_000, 100_000, 10_000) if EVERY == 1 else (10_000,)


def step(state, rate):
    prey, hunters = state
    return prey + 1e-4 * prey * (rate - hunters), hunters + 1e-4 * hunters * (prey - 1.0)


def plain_loop(n, rate):
    state = STATE
    for _ in range(n):
        state = step(state, rate)
    return state[0]


def checkpointed(n, rate):
    return tapead.checkpointed_loop(step, STATE, n, BUDGET, args=(rate,))[0]


def unknown(n, rate):
    """The same of a loop that ends where its state says so."""

    def clocked(state, rate):
        return (state[0] + 1.0, *step(state[1:], rate))

    return tapead.checkpointed_loop(
        clocked, (0.0, *STATE), None, BUDGET, args=(rate,), until=lambda state, rate: state[0] >= n
    )[1]


LOOPS = {"plain": plain_loop, "known": checkpointed, "unknown": unknown}


def adjoints(n):
    """Return {name: function without arguments} of adjoints that agree."""
    steps = {
        name: partial(tapead.value_and_grad(partial(loop, n)), 1.0) for name, loop in LOOPS.items()
    }
    wanted = steps["plain"]()
    for name, adjoint in steps.items():
        check(adjoint(), wanted, name, 1e-10)
    return steps


def rise(name, n):
    """Return by how many bytes an adjoint raises the peak of a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_rise_of, name, n).result()


def _rise_of(name, n):
    gradient = tapead.grad(partial(LOOPS[name], n))
    tapead.grad(partial(LOOPS[name], 100))(1.0)  # what a first call imports is not the loop's
    return _rise(partial(gradient, 1.0))


@versioned(step, plain_loop, checkpointed, unknown, adjoints, rise, _rise_of, str(BUDGET))
class LongLoop:
    """An adjoint within 40,000 bytes, and the plain loop's in one run."""

    params = (("known", "unknown"), LENGTHS)
    param_names = ("number_of_steps", "n")
    timeout = 300

    def setup(self, number_of_steps, n):
        self.steps = adjoints(n)

    def time_adjoint(self, number_of_steps, n):
        self.steps[number_of_steps]()

    def track_time_over_plain(self, number_of_steps, n):
        seconds = fastest({name: self.steps[name] for name in ("plain", number_of_steps)})
        return seconds[number_of_steps] / seconds["plain"]

    track_time_over_plain.unit = "x the plain adjoint's time"

    def track_memory_of_plain_over(self, number_of_steps, n):
        return rise("plain", n) / max(BUDGET, rise(number_of_steps, n))  # memory may be used again

    track_memory_of_plain_over.unit = "x less memory than the plain adjoint"


class Counted:
    """Steps that do nothing, `n` of them."""

    def __init__(self, n):
        self.n, self.state = n, 0
        self.slots = {}

    def advance(self):
        self.state += 1

    def ended(self):
        return self.state == self.n

    def undo(self):
        self.state -= 1

    def keep(self, slot, before):
        self.slots[slot] = self.state - before

    def take(self, slot):
        self.state = self.slots[slot]

    def pull(self):
        pass


@versioned(Counted)
class Runs:
    """Runs of steps over the fewest there can be, at the number of steps where they are most."""

    params = (("known", "unknown"), some((10, 50, 200)))
    param_names = ("number_of_steps", "checkpoints")
    timeout = 120

    def track_runs_over_fewest(self, number_of_steps, checkpoints):
        ends = np.unique(np.geomspace(10, 40_000 if EVERY == 1 else 1000, 40).astype(int))
        return max(self.ratio(number_of_steps, checkpoints, n) for n in ends.tolist())

    track_runs_over_fewest.unit = "x the fewest runs"

    @staticmethod
    def ratio(number_of_steps, n_slots, n):
        checkpoints = Checkpoints(Called(Counted(n)), n_slots)
        if number_of_steps == "known":
            checkpoints.run(n)
        else:
            checkpoints.run_until(-1)
        checkpoints.back()
        return (checkpoints.runs - 1) / fewest_runs(n, n_slots)
