"""mark, rewind and clear: what stays usable, what is refused, against a model of the tape."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import tapead
from tapead import Tape, TapeError


class Rewinding(RuleBasedStateMachine):
    """A tape beside a list of what is on it: every Var with its derivatives by the inputs.

    All operations are sums with whole coefficients, so that the model's derivatives are exact.
    """

    vars = Bundle("vars")
    marks = Bundle("marks")

    def __init__(self):
        super().__init__()
        self.tape = Tape()
        self.nodes = []  # (Var, {Var of an input: derivative}), in order
        self.stale = []

    def live(self, var):
        return any(node is var for node, _ in self.nodes)

    def slopes(self, var):
        return next(slopes for node, slopes in self.nodes if node is var)

    @rule(target=vars, value=st.integers(-5, 5))
    def variable(self, value):
        x = self.tape.variable(float(value))
        self.nodes.append((x, {x: 1.0}))
        return x

    @rule(target=vars, v=vars, w=vars, factor=st.integers(-3, 3))
    def combine(self, v, w, factor):
        if not (self.live(v) and self.live(w)):
            with self.tape, pytest.raises(TapeError, match="not on this tape"):
                v + w
            return v
        with self.tape:
            product = w * factor
            total = v + product
        slopes = dict(self.slopes(v))
        for x, slope in self.slopes(w).items():
            slopes[x] = slopes.get(x, 0.0) + factor * slope
        scaled = {x: factor * slope for x, slope in self.slopes(w).items()}
        self.nodes += [(product, scaled), (total, slopes)]
        return total

    @rule(v=vars)
    def inner_transform(self, v):
        """A transform whose result does not depend on the recording leaves nothing on it."""
        if self.live(v):
            with self.tape:
                assert tapead.grad(lambda t: t * t)(3.0) == 6.0
                assert tapead.grad(lambda t: t * 2.0)(v.value) == 2.0

    @rule(target=marks)
    def mark(self):
        return self.tape.mark()

    @rule(mark=consumes(marks))
    def rewind(self, mark):
        if mark > len(self.nodes):
            with pytest.raises(ValueError, match="expected a mark"):
                self.tape.rewind(mark)
            return
        self.tape.rewind(mark)
        self.forget(mark)

    @rule()
    def clear(self):
        self.tape.clear()
        self.forget(0)

    def forget(self, mark):
        self.stale += [var for var, _ in self.nodes[mark:]]
        del self.nodes[mark:]

    @rule(y=vars)
    def gradient(self, y):
        inputs = [var for var, slopes in self.nodes if slopes == {var: 1.0}]
        if not self.live(y):
            with pytest.raises(TapeError, match="not on this tape"):
                self.tape.gradient(y, inputs)
            return
        slopes = self.slopes(y)
        assert self.tape.gradient(y, inputs) == [slopes.get(x, 0.0) for x in inputs]
        for x in inputs:
            assert self.tape.pushforward(y, x) == slopes.get(x, 0.0)

    @invariant()
    def lengths_agree(self):
        assert len(self.tape) == len(self.nodes)

    @invariant()
    def stale_vars_are_refused(self):
        for var in self.stale[-3:]:
            with self.tape, pytest.raises(TapeError, match="not on this tape"):
                var + 1.0


TestRewinding = Rewinding.TestCase
TestRewinding.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_rewind_keeps_what_was_before():
    with Tape() as tape:
        x = tape.variable(3.0)
        y = x * x
        mark = tape.mark()
        for _ in range(3):
            z = y * x
            assert tape.gradient(z, x) == 27.0
            tape.rewind(mark)
            with pytest.raises(TapeError, match="rewound"):
                z + 1.0
        assert tape.gradient(y, x) == 6.0


def test_rewind_in_many_segments():
    """Every rewind starts a new serial; a Var of any earlier one stays valid."""
    kept = []
    with Tape() as tape:
        x = tape.variable(1.0)
        for i in range(500):
            kept.append(x * float(i))
            mark = tape.mark()
            dropped = x + kept[-1]
            tape.rewind(mark)
            with pytest.raises(TapeError):
                dropped + 1.0
        total = sum(kept)
    assert tape.gradient(total, x) == sum(range(500))


def test_nested_rewinds_from_the_inside_out():
    with Tape() as tape:
        x = tape.variable(2.0)
        marks, values = [], []
        for _ in range(50):
            marks.append(tape.mark())
            values.append((values[-1] if values else x) * x)
        while marks:
            tape.rewind(marks.pop())
            dropped = values.pop()
            with pytest.raises(TapeError):
                dropped + 1.0
            if values:
                assert tape.gradient(values[-1], x) == (len(values) + 1) * 2.0 ** len(values)
    assert len(tape) == 1


def test_rewind_to_the_end_changes_nothing():
    with Tape() as tape:
        x = tape.variable(2.0)
        y = x * x
        tape.rewind(tape.mark())
        assert tape.gradient(y * x, x) == 12.0


def test_rewind_keeps_memory():
    with Tape() as tape:
        mark = tape.mark()
        for i in range(1000):
            tape.variable(1.0, name=f"t{i}")
        used = tape.nbytes
        tape.rewind(mark)
    assert tape.nbytes >= used


def test_clear_makes_every_var_stale():
    with Tape() as tape:
        x = tape.variable(2.0)
        tape.clear()
        assert len(tape) == 0
        with pytest.raises(TapeError, match="cleared or rewound"):
            x + 1.0
        t = tape.variable(5.0)
        assert tape.gradient(t * t, t) == 10.0
        with pytest.raises(TapeError):
            tape.gradient(x, t)


def test_stale_var_still_has_its_value():
    with Tape() as tape:
        x = tape.variable(2.0)
        tape.clear()
    assert x.value == 2.0
    assert x == 2.0
    assert repr(x) == "Var(2.0)"


@pytest.mark.parametrize("mark", [1.5, "1", None], ids=repr)
def test_rewind_needs_a_mark(mark):
    tape = Tape()
    for _ in range(3):
        tape.variable(1.0)
    with pytest.raises(TypeError):
        tape.rewind(mark)
    assert len(tape) == 3
