"""Runs of a loop: forward with states kept, and back; how its steps are run."""

import numpy as np

from tapead import _numpy
from tapead._array_program import same
from tapead._checkpoints import Called, Checkpoints, NotReplayed, Replayed
from tapead._joint import any_traced, as_number, shape_of
from tapead._loop import NAME, is_number, placeholder
from tapead._program import code_of, compile
from tapead._ravel import Raveled, raveled
from tapead.transforms import vjp

FEW = 256  # floats of state and arguments: with more, steps are run as array operations
MOST_INSTRUCTIONS = 20_000  # of a step that is replayed
WORTH_RECORDING = 30  # steps of array operations
MOST_RECORDED = 32  # recordings of such a step


class Run:
    """A loop that has run from plain numbers, with the states that it keeps for the way back."""

    def __init__(self, loop, z, rest, is_kept):
        self.loop, self.start = loop, z.tobytes()
        self.parts = loop.split(z, rest)
        n_slots = slots_of(loop) if is_kept else 1
        check_step(loop, *self.parts)
        self.steps, self.checkpoints = started(loop, self.parts, n_slots)

    def result(self):
        """The last state as a vector."""
        return self.steps.current()

    @property
    def statics(self):
        return getattr(self.steps, "statics", self.loop.statics)

    def back(self, bar):
        """The adjoint of z for that of the last state; the kept states are used up."""
        self.steps.seed(np.ascontiguousarray(bar))
        self.checkpoints.back()
        floats, params = self.steps.bars()
        shape = Raveled([placeholder(x) for x in self.parts[0]])
        params_shape = Raveled([placeholder(x) for x in self.parts[1]])
        return self.loop.joined(shape.tree(floats), params_shape.tree(params))


class Moved(Exception):  # noqa: N818 - not an error of the caller
    """A tangent is not 0 that was left out as idle; it is no longer."""


def started(loop, parts, n_slots):
    """Steps that have been run, and what keeps their states."""
    for make in (replayed, Compiled, Evaluated):
        try:
            steps = make(loop, *parts, n_slots)
            return steps, forward(loop, steps, n_slots)
        except Moved:
            return started(loop, parts, n_slots)
        except (NotReplayed, TypeError):  # the last way says what is wrong with the step
            if make is Evaluated:
                raise
    return None


def forget_moved(loop, is_zero):
    """Raise if a float is not 0 that should be, after it is no longer taken to be idle."""
    moved = [(owner, k) for owner, k, place in loop.idle_places() if not is_zero(place)]
    for owner, k in moved:
        owner.idle.discard(k)
    if moved:
        raise Moved


def forward(loop, steps, n_slots):
    """Run all steps; what keeps the states."""
    kept = Checkpoints(steps if isinstance(steps, Replayed) else Called(steps), n_slots)
    if loop.until is not None:
        kept.run_until(-1 if loop.n_steps is None else loop.n_steps)
    elif loop.n_steps:
        kept.run(loop.n_steps)
    return kept


def slots_of(loop):
    """States that may be kept."""
    n_bytes, n_slots = loop.budget
    if n_slots is None:
        n_slots = max(1, int(n_bytes) // loop.n_bytes)
    return n_slots if loop.n_steps is None else max(1, min(n_slots, loop.n_steps))


def check_step(loop, floats, params, constants):
    """Refuse a step that is no function of its arguments."""
    if loop.n_steps == 0:
        return
    floats, params = frozen(floats), frozen(params)
    try:
        found = [loop.go(floats, loop.statics, params, constants) for _ in range(2)]
    except Exception as error:
        error.add_note(f"{NAME}: in step 0")
        raise
    refuse_traced(found[0])
    if bits_of(found[0][0]) != bits_of(found[1][0]):
        raise ValueError(
            f"{NAME}: the step gives other numbers when it is run again from the same state, as it "
            "must be on the way back; draw random numbers before, pass them in as args, and keep "
            "their index in the state"
        )


def refuse_traced(found):
    """Refuse what a step gives for plain arguments if it is traced."""
    if any_traced(found):
        raise TypeError(
            f"{NAME}: the step uses traced values that are not among its arguments; pass them in "
            "as args"
        )


def replayed(loop, floats, params, constants, n_slots):
    """Steps as programs of numbers, if that can be."""
    leaves = floats + params + constants
    if sum(np.size(x) for x in leaves) > FEW or any(
        getattr(x, "dtype", None) == np.float32 for x in leaves
    ):
        raise NotReplayed("the step is one of large arrays, or of float32")
    shape, params_shape, n = Raveled(floats), Raveled(params), Raveled(floats).size
    is_scalar = all(map(is_number, leaves))
    step = with_statics(loop, loop.statics, constants)

    def record(f, row):
        extrema = _numpy.taken.extrema
        code = code_of(f, shape.tree(row[:n]), params_shape.tree(row[n:]))
        if len(code) > MOST_INSTRUCTIONS or (not is_scalar and _numpy.taken.extrema > extrema):
            raise NotReplayed("the step is long, or shares ties of arrays by pairs")
        return code

    def record_step(row):
        code = record(step, row)
        if loop.idle_places():
            data = code.data
            ends = np.cumsum([np.size(x) for x in floats])
            is_zero = [k < 0 and data.constants[-1 - k] == 0.0 for k in data.outputs.tolist()]
            forget_moved(loop, lambda k: all(is_zero[ends[k] - np.size(floats[k]) : ends[k]]))
        return code

    def record_stop(row):
        return record(stopped, row)

    def stop(row):
        floats, params = shape.tree(row[:n]), params_shape.tree(row[n:])
        return loop.stop(floats, loop.statics, params, constants)

    def stopped(floats, params):
        return 1.0 if loop.stop(floats, loop.statics, params, constants) else 0.0

    return Replayed(record_step, record_stop, stop, raveled(floats), raveled(params), n_slots)


def with_statics(loop, statics, constants):
    """The step as a function of floats and parameters, of one that leaves static leaves alone."""

    def step(floats, params):
        floats, found = loop.go(list(floats), statics, list(params), constants)
        if not all(map(same, statics, found)):
            raise NotReplayed("the step changes what is static")
        return floats

    return step


class Evaluated:
    """Steps that are run in Python."""

    def __init__(self, loop, floats, params, constants, n_slots):
        self.loop, self.params, self.constants = loop, frozen(params), constants
        self.floats, self.statics = frozen(floats), loop.statics
        self.before = self.floats, self.statics
        self.shape, self.params_shape = Raveled(floats), Raveled(params)
        self.slots = [
            np.empty((n_slots, *shape_of(x)), getattr(x, "dtype", np.float64)) for x in floats
        ]
        self.slots_of_statics = {}
        self.bar, self.params_bar = None, np.zeros(self.params_shape.size)

    def current(self):
        return raveled(self.floats)

    def seed(self, bar):
        self.bar = self.shape.tree(bar)

    def bars(self):
        return raveled(self.bar), self.params_bar

    def run(self):
        """Floats and static leaves after a step."""
        return self.loop.go(self.floats, self.statics, self.params, self.constants)

    def advance(self):
        self.before = self.floats, self.statics
        floats, self.statics = self.run()
        refuse_traced(floats)
        forget_moved(self.loop, lambda k: not np.any(floats[k]))
        self.floats = frozen(floats)

    def ended(self):
        return self.loop.stop(self.floats, self.statics, self.params, self.constants)

    def undo(self):
        end, (self.floats, self.statics) = self.floats, self.before
        if bits_of(self.run()[0]) != bits_of(end):
            raise ValueError(
                f"{NAME}: the last step gives other numbers when it is run again from the same "
                "state; it may use random numbers, or what has changed since"
            )

    def keep(self, slot, before):
        floats, statics = self.before if before else (self.floats, self.statics)
        for column, x in zip(self.slots, floats, strict=True):
            column[slot] = x
        self.slots_of_statics[slot] = statics

    def take(self, slot):
        found = [as_number(x[slot]) if x.ndim == 1 else x[slot] for x in self.slots]
        self.floats = frozen(
            [np.asarray(x) if form else x for x, form in zip(found, self.loop.forms, strict=True)]
        )
        self.statics = self.slots_of_statics[slot]

    def pull(self):
        floats, params = self.pulled(self.bar)
        self.bar, self.params_bar = floats, self.params_bar + raveled(params)

    def pulled(self, bar):
        """Adjoints of floats and parameters through a step."""
        n, statics = len(self.floats), self.statics

        def step(*leaves):
            return self.loop.go(list(leaves[:n]), statics, list(leaves[n:]), self.constants)[0]

        bars = list(vjp(step, *self.floats, *self.params)[1](bar))
        return bars[:n], bars[n:]


class Compiled(Evaluated):
    """Steps that are programs of arrays."""

    def __init__(self, loop, floats, params, constants, n_slots):
        if loop.n_steps is not None and loop.n_steps < WORTH_RECORDING:
            raise NotReplayed("recording takes longer than the loop")
        super().__init__(loop, floats, params, constants, n_slots)
        step = with_statics(loop, loop.statics, constants)
        self.step = compile(step, max_paths=MOST_RECORDED)

        def pulled(floats, params, bar):
            n = len(floats)
            bars = vjp(lambda *x: step(x[:n], x[n:]), *floats, *params)[1](bar)
            return list(bars[:n]), list(bars[n:])

        self.pullback = compile(pulled, max_paths=MOST_RECORDED)

    def run(self):
        found = self.step(self.floats, self.params)
        if self.step.stats()["recorded"] > MOST_RECORDED:
            raise NotReplayed(f"the step has more than {MOST_RECORDED} ways through it")
        return found, self.statics

    def pulled(self, bar):
        return self.pullback(self.floats, self.params, bar)


# -- plain leaves -----------------------------------------------------------------------------


def frozen(leaves):
    """Copies of plain leaves that a step cannot write to."""
    found = [np.array(x) if isinstance(x, np.ndarray) else x for x in leaves]
    for x in found:
        if isinstance(x, np.ndarray):
            x.flags.writeable = False
    return found


def bits_of(leaves):
    return [np.asarray(x).tobytes() for x in leaves]
