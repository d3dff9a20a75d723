"""checkpointed_loop: how many steps are run, errors, memory."""

import functools
import json
import math
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from loops import of_heat, plain_loop

import tapead
from tapead._checkpoints import Called, Checkpoints, fewest_runs

X = np.linspace(0.2, 1.1, 5)


# -- how many steps are run ------------------------------------------------------------------


class Walk:
    """Steps of a loop whose states are their numbers."""

    def __init__(self, n_slots, end=None):
        self.state, self.before, self.end = 0, None, end
        self.slots = [None] * n_slots
        self.pulled = []

    def advance(self):
        self.before, self.state = self.state, self.state + 1

    def ended(self):
        return self.state == self.end

    def undo(self):
        self.state = self.before

    def keep(self, slot, before):
        self.slots[slot] = self.before if before else self.state

    def take(self, slot):
        self.state = self.slots[slot]

    def pull(self):
        self.pulled.append(self.state)
        self.state = None


def runs_of(n, n_slots, is_known):
    walk = Walk(n_slots, n)
    checkpoints = Checkpoints(Called(walk), n_slots)
    checkpoints.run(n) if is_known else checkpoints.run_until(-1)
    assert walk.state == checkpoints.n == n
    checkpoints.back()
    assert walk.pulled == list(range(n))[::-1]
    return checkpoints.runs - 1  # the last step is run for its value


@functools.cache
def least(n, n_slots):
    """Runs at the least, over all places of the next state that is kept."""
    if n < 2:
        return 0
    if n_slots == 1:
        return n * (n - 1) // 2
    return min(m + least(m, n_slots) + least(n - m, n_slots - 1) for m in range(1, n))


@pytest.mark.parametrize("n_slots", [1, 2, 3, 5, 8])
def test_runs_are_the_fewest_if_the_number_of_steps_is_known(n_slots):
    for n in range(1, 90):
        assert runs_of(n, n_slots, True) == fewest_runs(n, n_slots) == least(n, n_slots)


@pytest.mark.parametrize(("n_slots", "n"), [(2, 900), (10, 3000), (50, 20_000), (300, 46_000)])
def test_runs_of_long_loops_are_those_of_the_formula(n_slots, n):
    r = next(r for r in range(n) if math.comb(n_slots + r, n_slots) >= n)
    assert runs_of(n, n_slots, True) == r * n - math.comb(n_slots + r, r - 1)


@pytest.mark.parametrize("n_slots", [1, 2, 3, 5, 8, 13])
def test_runs_are_the_fewest_up_to_two_of_a_step_if_the_number_is_not_known(n_slots):
    for n in range(1, math.comb(n_slots + 2, 2) + 1):
        assert runs_of(n, n_slots, False) == fewest_runs(n, n_slots)


@pytest.mark.parametrize("n_slots", [3, 5, 10, 30, 100])
def test_runs_are_a_tenth_more_at_most_if_the_number_of_steps_is_not_known(n_slots):
    ends = np.unique(np.geomspace(2, min(6000, math.comb(n_slots + 4, 4)), 60).astype(int))
    for n in ends.tolist():
        assert runs_of(n, n_slots, False) <= 1.1 * fewest_runs(n, n_slots)


def test_a_known_number_is_a_bound_of_an_unknown_one():
    walk = Walk(3, 50)
    checkpoints = Checkpoints(Called(walk), 3)
    checkpoints.run_until(20)
    assert walk.state == checkpoints.n == 20


# -- errors ----------------------------------------------------------------------------------


def notes_of(error):
    return " ".join(getattr(error, "__notes__", ()))


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_error_in_a_step_has_its_number(n):
    def step(x):
        if np.sum(x) > 100.0 * n:
            raise ArithmeticError("too large")
        return 2.0 * x

    with pytest.raises(ArithmeticError, match="too large") as caught:
        tapead.grad(lambda x: np.sum(tapead.checkpointed_loop(step, x, 50)))(np.ones(n))
    assert "in step 7" in notes_of(caught.value)
    assert tapead.grad(lambda x: x**2)(3.0) == 6.0


@pytest.mark.parametrize("raised", [ArithmeticError, KeyboardInterrupt])
def test_error_on_the_way_back_leaves_nothing(raised):
    calls = []

    def step(x):
        calls.append(1)
        if len(calls) == 40:
            raise raised("later")
        return 1.01 * x

    x = np.ones(400)
    with tapead.Tape() as tape:
        v = tape.variable(x)
        y = np.sum(tapead.checkpointed_loop(step, v, 25, checkpoints=3))
    n = len(tape)
    with pytest.raises(raised, match="later") as caught:
        tape.gradient(y, v)
    assert "run again on the way back" in notes_of(caught.value)
    assert len(tape) == n
    np.testing.assert_allclose(tape.gradient(y, v), 1.01**25)


def test_error_in_the_first_step_has_its_number():
    with pytest.raises(ZeroDivisionError) as caught:
        tapead.checkpointed_loop(lambda x: x / 0, 1.0, 5)
    assert "in step 0" in notes_of(caught.value)


@pytest.fixture
def interruptible():
    """Control-C is an exception, also where a shell's & has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_of_a_replayed_loop():
    timers = []

    def step(x):
        if not timers:
            timers.append(threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]))
            timers[0].start()
        return x * 0.999

    with pytest.raises(KeyboardInterrupt) as caught:
        tapead.grad(lambda x: tapead.checkpointed_loop(step, x, 10**12, checkpoints=50))(1.0)
    assert "in step" in notes_of(caught.value)
    assert tapead.grad(lambda x: x**2)(3.0) == 6.0


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_traced_values_from_outside_are_refused(n):
    def f(w):
        return np.sum(tapead.checkpointed_loop(lambda x: w * x, np.ones(n), 5, args=()) * w)

    with pytest.raises(TypeError, match="traced values that are not among its arguments"):
        tapead.grad(f)(np.ones(n))


@pytest.mark.parametrize("n_steps", [20, 50])
@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_traced_values_in_a_later_branch_are_refused(n, n_steps):
    def f(w):
        def step(x):
            return x + 1.0 if np.sum(x) < 5 * n else x * w

        return np.sum(tapead.checkpointed_loop(step, np.ones(n), n_steps))

    with pytest.raises((TypeError, tapead.TapeError), match="pass") as caught:
        tapead.grad(f)(1.01)
    assert "in step 4" in notes_of(caught.value)


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_random_steps_are_refused(n):
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="other numbers when it is run again"):
        tapead.checkpointed_loop(lambda x: x + 0.1 * rng.standard_normal(n), np.ones(n), 5)


def test_steps_that_change_later_are_refused():
    settings = {"rate": 1.1}

    def f(x):
        y = tapead.checkpointed_loop(lambda x: settings["rate"] * x, x, 5)
        settings["rate"] = 2.0
        return np.sum(y)

    with pytest.raises(ValueError, match="last step gives other numbers"):
        tapead.grad(f)(np.ones(400))


def test_writes_to_the_state_are_refused():
    def step(x):
        x += 1.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        tapead.checkpointed_loop(step, np.ones(400), 5)


@pytest.mark.parametrize(
    ("step", "state", "error", "message"),
    [
        (lambda x: [x], 1.0, ValueError, "expected a state like the one the step takes"),
        (lambda x: x[:-1], X, ValueError, "expected a state like"),
        (lambda x: x.astype(np.float32), X, TypeError, "an array of float32 for one of float64"),
        (lambda x: "a", 1.0, TypeError, "returns a str for a float"),
        (lambda s: (s[0], 1.0), (1.0, 1), TypeError, r"float where the state has 1 \(int\)"),
        (lambda x: x, 1, TypeError, "needs a state with floats"),
        (lambda x: x, 1j, TypeError, "takes floats and arrays of float64 or float32"),
        (lambda x: x, X.astype(np.float16), TypeError, "got float16"),
        (1.0, 1.0, TypeError, "step is a function; got a float"),
    ],
)
def test_wrong_steps_and_states(step, state, error, message):
    with pytest.raises(error, match=message):
        tapead.checkpointed_loop(step, state, 3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, TypeError, "needs n_steps, a number, or until"),
        ({"n_steps": 1.5}, TypeError, "n_steps is an int; got 1.5"),
        ({"n_steps": True}, TypeError, "n_steps is an int; got True"),
        ({"n_steps": -1}, ValueError, "at least 0; got -1"),
        ({"n_steps": 3, "budget": 40}, ValueError, r"budget of 40 bytes .* give it 64 bytes"),
        ({"n_steps": 3, "budget": "1"}, TypeError, "budget is an int; got '1'"),
        ({"n_steps": 3, "checkpoints": 0}, ValueError, "at least 1; got 0"),
        ({"n_steps": 3, "budget": 99, "checkpoints": 1}, TypeError, "not both"),
        ({"n_steps": 3, "args": 1.0}, TypeError, "args is a tuple"),
        ({"until": 3}, TypeError, "until is a function; got a int"),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error, match=message):
        tapead.checkpointed_loop(lambda x: x, X, **options)


def test_least_budget_does():
    f = of_heat(tapead.checkpointed_loop, n=5, budget=64)
    expected = tapead.grad(of_heat(plain_loop, n=5))(1.3, 0.2)
    assert tapead.grad(f)(1.3, 0.2) == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 400], ids=["replayed", "arrays"])
def test_more_checkpoints_than_there_is_memory(n):
    with pytest.raises((MemoryError, ValueError)):
        tapead.grad(
            lambda x: np.sum(
                tapead.checkpointed_loop(
                    lambda x: 2.0 * x, x, until=lambda x: x[0] > 9.0, checkpoints=1 << 59
                )
            )
        )(np.ones(n))


def test_a_loop_in_a_compiled_function_is_one_of_arrays():
    f = tapead.compile(lambda x: tapead.checkpointed_loop(tapead.sin, x, 5000))
    assert f(1.0) == pytest.approx(plain_loop(math.sin, 1.0, 5000), rel=1e-9)
    expected = tapead.grad(lambda x: plain_loop(tapead.sin, x, 5000))(1.0)
    assert tapead.grad(f)(1.0) == pytest.approx(expected, rel=1e-9)


def test_programs_of_numbers_hold_few_steps():
    def f(x, n):
        return tapead.checkpointed_loop(tapead.sin, x, n)

    program = tapead.record(f, 1.0, 5, arrays=False)
    assert program(0.7, 5) == plain_loop(math.sin, 0.7, 5)
    with pytest.raises(TypeError, match=r"give tapead\.record arrays=True"):
        tapead.record(f, 1.0, 5000, arrays=False)


# -- memory ----------------------------------------------------------------------------------

MEASURED = """
import json, resource, tapead
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def step(s, p):
    x, y = s
    return x + 1e-4 * x * (p - y), y + 1e-4 * y * (x - 1.0)
def f(p, n):
    return tapead.checkpointed_loop(step, (1.5, 0.5), n, args=(p,), budget=40_000)[0]
tapead.grad(f)(1.0, 100)
before = peak()
slope = tapead.grad(f)(1.0, 300_000)
print(json.dumps([peak() - before, slope]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")
def test_memory_does_not_grow_with_the_steps():
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, check=True)
    grown, slope = json.loads(done.stdout)
    assert grown < 2e6  # the tape of such a loop takes some 200 MB
    assert np.isfinite(slope)
