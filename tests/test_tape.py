"""Tape: recording, sweeps in both directions, nesting, and what it refuses."""

import copy
import gc
import pickle
import sys

import pytest

import tapead
from tapead import Tape, TapeError


def lecture(x1, x2):
    return tapead.log(x1) + x1 * x2 - tapead.sin(x2)


@pytest.fixture
def recorded():
    """A tape that has been left, its inputs and its result."""
    with Tape() as tape:
        x1, x2 = tape.variable(2.0, name="x1"), tape.variable(5.0, name="x2")
        y = lecture(x1, x2)
    return tape, x1, x2, y


GRADIENT = [5.5, 1.7163378145367738]


def test_gradient_after_the_recording(recorded):
    tape, x1, x2, y = recorded
    assert tape.gradient(y, [x1, x2]) == GRADIENT
    assert tape.gradient(y, x2) == GRADIENT[1]


def test_gradient_while_recording():
    with Tape() as tape:
        x1, x2 = tape.variable(2.0), tape.variable(5.0)
        assert tape.gradient(lecture(x1, x2), [x1, x2]) == GRADIENT


def test_gradient_may_be_taken_many_times(recorded):
    tape, x1, x2, y = recorded
    for seed in (1.0, -2.0, 0.5, 0.0):
        assert tape.gradient(y, [x2, x1, x2], seed=seed) == [seed * GRADIENT[i] for i in (1, 0, 1)]


def test_pushforward_is_the_transpose_of_gradient(recorded):
    tape, x1, x2, y = recorded
    assert tape.pushforward(y, x1) == GRADIENT[0]
    assert tape.pushforward([y, x1], [x1, x2], seed=[1.0, 2.0]) == [
        pytest.approx(GRADIENT[0] + 2 * GRADIENT[1], rel=1e-15), 1.0
    ]  # fmt: skip


def test_gradient_of_several_results_adds_their_seeds(recorded):
    tape, x1, x2, y = recorded
    got = tape.gradient([y, x1, y], [x1, x2], seed=[2.0, 10.0, 1.0])
    assert got == [3 * GRADIENT[0] + 10.0, pytest.approx(3 * GRADIENT[1], rel=1e-15)]


def test_gradient_by_a_value_in_between():
    with Tape() as tape:
        x = tape.variable(3.0)
        v = x * x
        w = tapead.sin(v)
        y = w * v
    sin, cos = tapead.sin(9.0), tapead.cos(9.0)
    total = sin + 9.0 * cos
    assert tape.gradient(y, [w, v, x, y]) == pytest.approx([9.0, total, 6 * total, 1.0], rel=1e-15)


def test_gradient_of_what_does_not_depend_is_zero(recorded):
    tape, x1, x2, y = recorded
    assert tape.gradient(x1, [x2, y]) == [0.0, 0.0]
    assert tape.gradient(3.0, [x1, x2]) == [0.0, 0.0]
    assert tape.pushforward([x2, 3.0], x1) == [0.0, 0.0]


def test_zero_derivative_is_positive_zero(recorded):
    tape, x1, _, y = recorded
    for zero in (tape.gradient(x1, y), tape.gradient(3.0, x1), tape.pushforward(3.0, x1)):
        assert str(zero) == "0.0"


def test_containers_of_vars_are_lists_or_tuples(recorded):
    tape, x1, x2, y = recorded
    assert tape.gradient((y,), (x1, x2)) == GRADIENT
    assert tape.gradient(y, []) == []


def refusals(tape, x1, x2, y):
    """What is called, the error, what its message says."""
    return {
        "seeds": (lambda: tape.gradient([y, y], x1, seed=[1.0]), ValueError, "2 adjoints.*got 1"),
        "tangents": (
            lambda: tape.pushforward(y, [x1, x2], seed=[1.0]), ValueError, "2 tangents.*got 1",
        ),
        "seed of str": (lambda: tape.gradient(y, x1, seed="1"), TypeError, "seed.*float; got str"),
        "seed of bool": (lambda: tape.gradient(y, x1, seed=True), TypeError, "got bool"),
        "seed of Var": (lambda: tape.gradient(y, x1, seed=y), TypeError, r"\.value"),
        "seed of None": (lambda: tape.gradient(y, x1, seed=[None]), TypeError, "got NoneType"),
        "y of str": (lambda: tape.gradient("y", x1), TypeError, "y is a float; got str"),
        "xs of dict": (lambda: tape.gradient(y, {"x": x1}), TypeError, "float; got dict"),
        "pushforward of y": (lambda: tape.pushforward(y, y), ValueError, "inputs.*computed"),
        "rewind too far": (lambda: tape.rewind(len(tape) + 1), ValueError, "0 to 7; got 8"),
        "rewind negative": (lambda: tape.rewind(-1), ValueError, "0 to 7; got -1"),
        "name of int": (lambda: tape.variable(1.0, name=3), TypeError, "str; got int"),
        "variable of str": (lambda: tape.variable("1"), TypeError, "float; got str"),
        "variable of bool": (lambda: tape.variable(True), TypeError, "float; got bool"),
        "variable of None": (lambda: tape.variable(None), TypeError, "float; got NoneType"),
        "variable of complex": (lambda: tape.variable(1j), TypeError, "float; got complex"),
        "variable of Var": (lambda: tape.variable(y), TypeError, r"traced value, use its \.value"),
        "variable of list": (lambda: tape.variable([1.0]), TypeError, "float; got list"),
    }  # fmt: skip


@pytest.mark.parametrize("case", refusals(Tape(), None, None, None))
def test_tape_says_what_it_wanted(recorded, case):
    call, error, message = refusals(*recorded)[case]
    with pytest.raises(error, match=message):
        call()
    tape, x1, x2, y = recorded
    assert tape.gradient(y, [x1, x2]) == GRADIENT


def test_tape_keeps_unknown_keywords_out():
    with pytest.raises(TypeError, match="nodes"):
        Tape(nodes=3)


@pytest.mark.parametrize("value", [3, True + 1, 2.5], ids=repr)
def test_variable_takes_numbers(value):
    with Tape() as tape:
        x = tape.variable(value)
    assert x.value == value
    assert type(x.value) is float


def test_len_counts_inputs_and_operations(recorded):
    tape, *_ = recorded
    assert len(tape) == 7
    assert repr(tape) == f"<Tape: 7 nodes, {tape.nbytes} bytes>"
    with tape:
        assert "active" in repr(tape)


def test_recording_goes_on_when_the_tape_is_entered_again(recorded):
    tape, x1, x2, y = recorded
    with tape:
        z = y * y
    assert tape.gradient(z, x1) == pytest.approx(2 * y.value * GRADIENT[0], rel=1e-15)
    assert tape.gradient(y, [x1, x2]) == GRADIENT


def test_variable_may_be_added_to_a_tape_that_is_not_active(recorded):
    tape, *_ = recorded
    x = tape.variable(3.0)
    with tape:
        y = x * x
    assert tape.gradient(y, x) == 6.0


def test_unary_plus_records_nothing(recorded):
    tape, x1, *_ = recorded
    with tape:
        assert +x1 is x1
    assert len(tape) == 7


# -- nesting ---------------------------------------------------------------------------------


def test_nested_tape_records_its_own():
    with Tape() as outer:
        x = outer.variable(2.0)
        with Tape() as inner:
            t = inner.variable(3.0)
            u = t * t
        y = x * x
    assert inner.gradient(u, t) == 6.0
    assert outer.gradient(y, x) == 4.0
    assert (len(inner), len(outer)) == (2, 2)


def test_outer_var_on_an_inner_tape_is_foreign():
    with Tape() as outer:
        x = outer.variable(2.0)
        with Tape() as inner:
            t = inner.variable(3.0)
            for operation in (lambda: t * x, lambda: tapead.hypot(x, 1.0), lambda: x - 1):
                with pytest.raises(TapeError, match="not on this tape"):
                    operation()
        assert len(inner) == 1
        assert (x * x).value == 4.0


def test_foreign_var_is_refused_by_the_sweeps(recorded):
    tape, x1, _, y = recorded
    with Tape() as other:
        x = other.variable(2.0)
    for call in (
        lambda: tape.gradient(x, x1),
        lambda: tape.gradient(y, [x1, x]),
        lambda: tape.pushforward(y, x),
        lambda: tape.pushforward(x, x1),
    ):
        with pytest.raises(TapeError, match="not on this tape"):
            call()
    assert tape.gradient(y, x1) == GRADIENT[0]


def test_var_without_an_active_tape_says_so(recorded):
    _, x1, *_ = recorded
    with pytest.raises(TapeError, match=r"no tape is recording.*with tape:.*x\.value"):
        x1 + 1.0


def test_tape_is_not_entered_twice():
    with Tape() as tape:
        with pytest.raises(TapeError, match="active already"):
            tape.__enter__()
        x = tape.variable(1.0)
        assert (x + 1.0).value == 2.0


def test_tapes_are_left_in_reverse_order():
    outer, inner = Tape(), Tape()
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(TapeError, match="reverse order"):
        outer.__exit__(None, None, None)
    assert inner.active
    inner.__exit__(None, None, None)
    outer.__exit__(None, None, None)
    assert not outer.active
    with pytest.raises(TapeError, match="reverse order"):
        outer.__exit__(None, None, None)


def test_exception_passes_through_the_tape_and_leaves_it():
    tape = Tape()
    with pytest.raises(KeyError), tape:  # noqa: PT012 - what comes before is recorded
        x = tape.variable(2.0)
        y = x * x
        raise KeyError
    assert not tape.active
    assert tape.gradient(y, x) == 4.0


def test_many_nested_tapes():
    tapes = [Tape() for _ in range(500)]
    for tape in tapes:
        tape.__enter__()
    for tape in reversed(tapes):
        x = tape.variable(3.0)
        assert tape.gradient(x * x, x) == 6.0
        tape.__exit__(None, None, None)


# -- lifetime --------------------------------------------------------------------------------


def test_var_does_not_keep_its_tape_alive():
    tape = Tape()
    count = sys.getrefcount(tape)
    with tape:
        values = [tape.variable(float(i)) for i in range(100)]
    assert sys.getrefcount(tape) == count
    del tape
    with pytest.raises(TapeError, match="no tape is recording"):
        values[0] + 1.0
    assert values[7].value == 7.0


def test_active_tape_survives_without_a_name():
    """Whoever enters a tape may drop it: the recording keeps it alive until it is left."""
    leave = Tape().__enter__().__exit__
    gc.collect()
    assert tapead.grad(lambda x: x**3)(3.0) == 27.0
    leave(None, None, None)


@pytest.mark.parametrize("attribute", ["active", "nbytes", "max_bytes"])
def test_attributes_are_read_only(attribute):
    with pytest.raises(AttributeError):
        setattr(Tape(), attribute, 1)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_tape_is_not_copied_or_pickled(duplicate):
    with pytest.raises(TypeError):
        duplicate(Tape())
