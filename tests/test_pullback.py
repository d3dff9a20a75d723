"""vjp's pullback: many calls, any seeds, any time, and what it refuses."""

import numpy as np
import pytest

import tapead
from tapead import Tape, TapeError


def f(x, y):
    return tapead.sin(x) * y, x * y * y


X, Y = 0.5, 2.0
COS, SIN = np.cos(X), np.sin(X)
ROWS = [(COS * Y, SIN), (Y * Y, 2 * X * Y)]  # the Jacobian


def test_pullback_may_be_called_many_times():
    _, pullback = tapead.vjp(f, X, Y)
    for _ in range(3):
        assert pullback((1.0, 0.0)) == pytest.approx(ROWS[0], rel=1e-15)
        assert pullback((0.0, 1.0)) == pytest.approx(ROWS[1], rel=1e-15)


def test_pullback_is_linear():
    _, pullback = tapead.vjp(f, X, Y)
    wanted = 3 * np.array(ROWS[0]) - 2 * np.array(ROWS[1])
    assert pullback((3.0, -2.0)) == pytest.approx(tuple(wanted), rel=1e-15)


def test_pullback_takes_ints_and_arrays():
    _, pullback = tapead.vjp(lambda x: x * np.array([1.0, 2.0]), 3.0)
    assert pullback(np.array([1, 10])) == (21.0,)
    assert pullback(np.array([1.0, 10.0], np.float32)) == (21.0,)


def test_pullbacks_do_not_disturb_each_other():
    pullbacks = [tapead.vjp(lambda x, k=k: x**k, 2.0)[1] for k in range(20)]
    for k in reversed(range(20)):
        assert pullbacks[k](1.0) == (k * 2.0 ** (k - 1) if k else 0.0,)


def test_pullback_outlives_other_transforms():
    _, pullback = tapead.vjp(f, X, Y)
    for _ in range(20):
        tapead.grad(tapead.sin)(1.0)
    assert pullback((1.0, 0.0)) == pytest.approx(ROWS[0], rel=1e-15)


def test_pullback_inside_another_recording_is_numeric():
    _, pullback = tapead.vjp(f, X, Y)

    def g(t):
        a, b = pullback((1.0, 0.0))
        assert type(a) is float
        return t * a + b

    assert tapead.grad(g)(1.0) == pytest.approx(COS * Y, rel=1e-15)


@pytest.mark.parametrize("transform", [tapead.grad, tapead.derivative, tapead.jacfwd])
def test_pullback_takes_traced_seeds(transform):
    """Its result is linear in the seed, with the Jacobian's entries as derivatives."""
    _, pullback = tapead.vjp(f, X, Y)
    got = transform(lambda w: pullback((w, 0.0))[0])(5.0)
    assert got == pytest.approx(COS * Y, rel=1e-15)
    assert transform(lambda w: pullback((0.0, w * w))[1])(5.0) == pytest.approx(20.0 * X * Y)


def test_pullback_of_an_inner_vjp_depends_on_the_outer_input():
    def outer(x):
        _, pullback = tapead.vjp(lambda t: t**3, x)
        return pullback(1.0)[0] + pullback(x)[0]  # 3 x^2 + 3 x^3

    assert tapead.grad(outer)(2.0) == 12.0 + 36.0
    assert tapead.derivative(outer, 2)(2.0) == 6.0 + 36.0


def test_pullback_of_an_inner_vjp_after_its_recording_says_so():
    kept = []

    def outer(x):
        kept.append(tapead.vjp(lambda t: t * x, x)[1])
        return kept[0](1.0)[0]

    assert tapead.grad(outer)(2.0) == 1.0
    with pytest.raises(TapeError, match="pullback belongs to"):
        kept[0](1.0)


def test_pullback_in_a_tape_that_was_rewound_says_so():
    with Tape() as tape:
        x = tape.variable(2.0)
        mark = tape.mark()
        _, pullback = tapead.vjp(lambda t: t * x, x)
        tape.rewind(mark)
        with pytest.raises(TapeError, match="rewound"):
            pullback(1.0)


def test_pullback_in_a_tape_works_after_the_tape_was_left():
    with Tape() as tape:
        x = tape.variable(2.0)
        _, pullback = tapead.vjp(lambda t: t * t, 3.0)
        assert tape.gradient(x, x) == 1.0
    assert pullback(1.0) == (6.0,)


@pytest.mark.parametrize("seed", ["plain", "traced"])
def test_input_array_mutated_after_the_recording_changes_nothing(seed):
    x = np.array([1.0, 2.0])
    _, pullback = tapead.vjp(lambda x: np.sum(x**3), x)
    x[:] = 100.0
    if seed == "plain":
        (got,) = pullback(1.0)
    else:
        got = tapead.jacfwd(lambda w: pullback(w)[0])(1.0)
    np.testing.assert_array_equal(got, [3.0, 12.0])


@pytest.mark.parametrize("seed", ["plain", "traced"])
def test_input_list_changed_after_the_recording_changes_nothing(seed):
    x = [1.0, 2.0]
    _, pullback = tapead.vjp(lambda x: x[0] * x[1] ** 2, x)
    x[0] = 50.0
    x.append(7.0)
    if seed == "plain":
        (got,) = pullback(1.0)
    else:
        got = tapead.jacfwd(lambda w: pullback(w)[0])(1.0)
    assert got == [4.0, 4.0]


def test_result_that_the_caller_changes_does_not_change_the_pullback():
    value, pullback = tapead.vjp(lambda x: [x, x * x], 3.0)
    value.append(1.0)
    assert pullback([1.0, 1.0]) == (7.0,)


def test_pullback_refuses_its_own_recording_s_values():
    leaked = []
    _, pullback = tapead.vjp(lambda x: leaked.append(x) or x * x, 3.0)
    with pytest.raises(TapeError):
        pullback(leaked[0])
    assert pullback(1.0) == (6.0,)


def test_result_that_is_constant_or_an_input():
    value, pullback = tapead.vjp(lambda x, y: [1.0, x, y, x], 3.0, 4.0)
    assert value == [1.0, 3.0, 4.0, 3.0]
    assert pullback([5.0, 1.0, 10.0, 100.0]) == (101.0, 10.0)


def test_vjp_without_arguments():
    value, pullback = tapead.vjp(lambda: [1.0, 2.0])
    assert value == [1.0, 2.0]
    assert pullback([1.0, 1.0]) == ()


def test_pullback_is_freed_with_its_tape():
    """A pullback owns its recording; nothing else holds it."""
    import gc

    def live():
        gc.collect()
        return sum(type(o) is Tape for o in gc.get_objects())

    tapead.grad(tapead.sin)(1.0)
    before = live()
    pullbacks = [tapead.vjp(tapead.sin, 1.0)[1] for _ in range(50)]
    assert live() >= before + 40
    del pullbacks
    assert live() <= before + 1
