"""Guards: every look at a traced number is checked by a replay, and told where it differs."""

import decimal
import fractions
import math
import operator
import pickle

import numpy as np
import pytest
from branches import same
from hypothesis import given
from hypothesis import strategies as st

import tapead

NAN, INF = math.nan, math.inf
SAME, KINK, CHANGED = tapead.Status.SAME_PATH, tapead.Status.AT_KINK, tapead.Status.BRANCH_CHANGED


def chosen(test):
    """Function whose branch is taken by what test says of x."""
    return lambda x: x * x if test(x) else -3.0 * x


# A look at x: recorded at the first number; then numbers where it comes out the same and where not.
LOOKS = {
    "x < 1": (lambda x: x < 1.0, 0.5, [-7.0, 0.99], [1.0, 2.0, NAN]),
    "x <= 1": (lambda x: x <= 1.0, 0.5, [-7.0, 1.0], [1.0001, NAN]),
    "x > 1": (lambda x: x > 1.0, 0.5, [-7.0, 1.0, NAN], [1.01, INF]),
    "x >= 1": (lambda x: x >= 1.0, 0.5, [-7.0, 0.99, NAN], [1.0, INF]),
    "x == 1": (lambda x: x == 1.0, 0.5, [-7.0, NAN], [1.0]),
    "x != 1": (lambda x: x != 1.0, 0.5, [-7.0, NAN], [1.0]),
    "1 < x": (lambda x: 1.0 < x, 0.5, [-7.0, 1.0], [1.01]),  # noqa: SIM300
    "1 >= x": (lambda x: 1.0 >= x, 0.5, [-7.0, 1.0], [1.01, NAN]),  # noqa: SIM300
    "x < an int": (lambda x: x < 1, 0.5, [-7.0], [1.0]),
    "an int == x": (lambda x: 1 == x, 1.0, [1.0], [1.5, NAN]),  # noqa: SIM300
    "x < a large int": (lambda x: x < 2**53 + 1, 1.0, [1.0], [2.0**54]),
    "x == a fraction": (lambda x: x == fractions.Fraction(1, 2), 0.5, [0.5], [0.25, NAN]),
    "x > a decimal": (lambda x: x.value > decimal.Decimal(1), 2.0, [2.0], [0.25]),
    "x == nan": (lambda x: x == NAN, 0.5, [-7.0, NAN], []),
    "x is nan": (lambda x: x != x, 0.5, [-7.0, INF], [NAN]),
    "chained": (lambda x: 0.0 < x < 1.0, 0.5, [0.1, 0.9], [-1.0, 0.0, 1.0, NAN]),
    "chained, false": (lambda x: 0.0 < x < 1.0, 2.0, [1.0, 9.0], [0.5, -1.0]),
    "bool": (bool, 0.5, [-7.0, NAN, 1e-310], [0.0, -0.0]),
    "bool of zero": (bool, 0.0, [0.0, -0.0], [1.0, NAN]),
    "not": (lambda x: not x, 0.5, [-7.0], [0.0]),
    "and": (lambda x: x and x > 2.0, 3.0, [2.5], [0.0, 1.0]),
    "or": (lambda x: x < 0.0 or x > 2.0, 3.0, [2.5], [0.0, -1.0]),
    "if x": (lambda x: 1.0 if x else 0.0, 1.0, [-1.0], [0.0]),
    "int": (lambda x: int(x) == 2, 2.5, [2.0, 2.9], [3.0, 1.9, -2.5]),
    "int of a negative": (lambda x: int(x) == -2, -2.5, [-2.0, -2.9], [-3.0, 2.5]),
    "int around zero": (lambda x: int(x) == 0, -0.5, [0.5, -0.9, 0.0], [1.0, -1.0]),
    "math.floor": (lambda x: math.floor(x) == -3, -2.5, [-3.0, -2.1], [-2.0, -3.1, INF]),
    "math.ceil": (lambda x: math.ceil(x) == -2, -2.5, [-2.0, -2.9], [-3.0, -1.9]),
    "math.trunc": (lambda x: math.trunc(x) == -2, -2.5, [-2.0, -2.9], [-3.0, NAN]),
    "round": (lambda x: round(x) == 2, 2.2, [1.6, 2.5, 1.5], [2.6, 1.4]),
    "x.value": (lambda x: x.value > 0.0, 0.5, [0.5], [0.6, -0.5]),
    "x.value of -0.0": (lambda x: math.copysign(1.0, x.value) > 0, 0.0, [0.0], [-0.0]),
    "is_integer": (lambda x: x.value.is_integer(), 2.0, [2.0], [3.0]),
    "repr": (lambda x: len(repr(x)) > 3, 0.5, [0.5], [0.25]),
    "str": (lambda x: len(str(x)) > 3, 0.5, [0.5], [0.25]),
    "format": (lambda x: f"{x:.1f}" == "0.5", 0.5, [0.5], [0.25]),
    "in": (lambda x: x in (1.0, 2.0), 2.0, [2.0], [1.0, 3.0]),
    "not in": (lambda x: x in (1.0, 2.0), 5.0, [6.0, NAN], [1.0, 2.0]),
    "index": (lambda x: [False, True][int(x)], 1.5, [1.0, 1.9], [0.5]),
    "np.less": (lambda x: np.less(x, 1.0), 0.5, [-7.0], [1.0, NAN]),
    "np.isnan": (np.isnan, 0.5, [INF, 0.0], [NAN]),
    "np.isinf": (np.isinf, 0.5, [NAN, 0.0], [INF, -INF]),
    "np.isfinite": (np.isfinite, 0.5, [0.0, 1e300], [INF, -INF, NAN]),
    "np.signbit": (np.signbit, 0.5, [0.5], [-0.5]),
    "np.logical_not": (np.logical_not, 0.5, [-1.0], [0.0]),
    "np.logical_and": (lambda x: np.logical_and(x > 0.0, x < 1.0), 0.5, [0.1], [2.0, -1.0]),
    "where": (lambda x: tapead.where(x > 0.0, 1.0, 0.0) > 0.5, 0.5, [9.0], [0.0, -1.0]),
    "operator.lt": (lambda x: operator.lt(x, 1.0), 0.5, [0.0], [1.0]),
    "of something computed": (lambda x: tapead.sin(x) > 0.5, 1.0, [1.5, 2.0], [0.1, 4.0]),
    "x == x": (lambda x: x == x, 1.0, [-1.0, INF], [NAN]),
}  # fmt: skip


@pytest.mark.parametrize("look", LOOKS)
def test_look_at_a_number_is_a_guard(look):
    test, at, alike, different = LOOKS[look]
    f = chosen(test)
    program = tapead.record(f, at)
    assert program.stats()["guards"] >= 1
    for x in (at, *alike):
        same(program(x), tapead.vjp(f, x)[0])
        same(program.grad(x), tapead.grad(f)(x))
        assert program.status in (SAME, KINK)
    for x in different:
        for call in (program, program.grad, program.value_and_grad, program.vjp,
                     program.hessian, program.jacobian):  # fmt: skip
            with pytest.raises(tapead.BranchChanged):
                call(x)
            assert program.status == CHANGED
        for call in (program.jvp, program.hvp):
            with pytest.raises(tapead.BranchChanged):
                call((x,), (1.0,))


@pytest.mark.parametrize("look", LOOKS)
def test_guard_stays_in_derived_programs(look):
    test, at, alike, different = LOOKS[look]
    f = chosen(test)
    program = tapead.record(f, at)
    gradient, forward, back = program.gradient(), program.pushforward(), program.pullback()
    second = gradient.gradient()
    calls = (
        gradient, second,
        lambda x: forward((x,), (1.0,)), lambda x: back((x,), 1.0),
    )  # fmt: skip
    for x in alike:
        same(gradient(x), tapead.grad(f)(x))
        same(second(x), tapead.derivative(f, 2)(x))
    for x in different:
        for call in calls:
            with pytest.raises(tapead.BranchChanged):
                call(x)


@pytest.mark.parametrize("look", LOOKS)
def test_branch_is_recorded_anew_if_asked_for(look):
    test, at, alike, different = LOOKS[look]
    f = chosen(test)
    program = tapead.record(f, at, on_branch="record")
    for x in (*different, at, *alike, *different, at):
        try:
            wanted = tapead.value_and_grad(f)(x)
        except (ValueError, OverflowError) as error:  # int(nan), an index that is not there
            with pytest.raises(type(error)):
                program(x)
            continue
        same(program.value_and_grad(x), wanted)
        same(program(x), wanted[0])
        same(program.hessian(x), tapead.hessian(f)(x))
        assert program.status in (SAME, KINK)


COMPARISONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
NUMBERS = [0.0, -0.0, 1.0, -1.0, NAN, INF, -INF, 5e-324]


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("at", [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (NAN, 0.0)])
def test_comparison_of_two_numbers_holds_exactly_where_it_comes_out_the_same(name, at):
    compare = COMPARISONS[name]

    def f(x, y):
        return x * y if compare(x, y) else x + y

    program = tapead.record(f, *at)
    for x in NUMBERS:
        for y in NUMBERS:
            if compare(x, y) == compare(*at):
                same(program(x, y), tapead.vjp(f, x, y)[0])
                tie = x == y and name not in ("==", "!=")
                assert program.status == (KINK if tie else SAME)
            else:
                with pytest.raises(tapead.BranchChanged):
                    program(x, y)


@given(st.floats(), st.floats(), st.sampled_from(sorted(COMPARISONS)))
def test_comparison_with_a_constant_is_exact_for_any_number(x, constant, name):
    compare = COMPARISONS[name]
    program = tapead.record(lambda x: x * 2.0 if compare(x, constant) else x * 3.0, 1.0)
    if compare(x, constant) == compare(1.0, constant):
        same(program(x), x * (2.0 if compare(x, constant) else 3.0))
    else:
        with pytest.raises(tapead.BranchChanged):
            program(x)


@given(st.floats(-40.0, 40.0), st.sampled_from([0, 1, 2, -1, None]))
def test_round_to_digits_is_right_or_refused(x, digits):
    def f(x):
        return x * float(round(x, digits) if digits is not None else round(x))

    program = tapead.record(f, 1.26)
    try:
        found = program(x)
    except tapead.BranchChanged:
        return
    same(found, x * float(round(x, digits) if digits is not None else round(x)))


def test_error_tells_which_comparison():
    def f(x, y):
        z = x * y
        return z if z < 6.0 else -z

    program = tapead.record(f, 1.0, 2.0)
    with pytest.raises(tapead.BranchChanged) as caught:
        program(3.0, 4.0)
    error = caught.value
    assert error.filename == __file__
    assert error.lineno == f.__code__.co_firstlineno + 2
    assert error.function == "f"
    assert error.recorded == (2.0, 6.0)
    assert error.values == (12.0, 6.0)
    assert error.index == 1
    assert "12.0 < 6.0" in str(error)
    assert "2.0 < 6.0" in str(error)
    assert f"{__file__}:{error.lineno}" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_error_in_a_derivative_tells_the_same():
    program = tapead.record(lambda x: x * x if x * x < 6.0 else x, 1.0)
    errors = []
    for call in (program, program.grad, program.hessian, program.jacobian,
                 program.gradient(), program.gradient().gradient()):  # fmt: skip
        with pytest.raises(tapead.BranchChanged) as caught:
            call(3.0)
        errors.append(caught.value)
    assert {error.lineno for error in errors} == {errors[0].lineno}
    assert {error.values for error in errors} == {(9.0, 6.0)}
    assert {error.recorded for error in errors} == {(1.0, 6.0)}


def test_first_guard_that_fails_is_told():
    def f(x):
        y = x if x < 10.0 else -x
        return y * 2.0 if y < 5.0 else y

    program = tapead.record(f, 1.0)
    with pytest.raises(tapead.BranchChanged, match=r"20\.0 < 10\.0"):
        program(20.0)
    with pytest.raises(tapead.BranchChanged, match=r"7\.0 < 5\.0"):
        program(7.0)


def test_guards_of_a_loop_count_its_rounds():
    def f(x):
        n = 0
        while x < 100.0:
            x = x * x
            n += 1
        return x + n

    program = tapead.record(f, 3.0)
    for x in (2.5, 3.0, 2.0):  # three rounds each
        assert program(x) == x**8 + 3
        assert program.grad(x) == 8 * x**7
    for x in (1.5, 11.0, 100.0):
        with pytest.raises(tapead.BranchChanged):
            program(x)


def test_range_of_a_traced_number_is_a_guard():
    def f(x):
        y = 1.0
        for _ in range(int(x)):
            y = y * x
        return y

    program = tapead.record(f, 3.5)
    assert program(3.25) == 3.25**3
    for x in (2.9, 4.0):
        with pytest.raises(tapead.BranchChanged):
            program(x)


def test_same_comparison_many_times_is_one_guard():
    def f(x):
        for _ in range(50):
            if x > 0.0:
                x = x * 1.0
        y = x * x
        return y if all(x > 0.0 for _ in range(100)) else x

    assert tapead.record(f, 2.0).stats()["guards"] <= 51


# function, where recorded, its tie; and the derivatives that still look there: a program's own
# gradient has only the instructions that it needs
TIES = {
    "comparison": (lambda x: x * 2.0 if x < 1.0 else x, 3.0, 1.0, ("grad", "hessian")),
    "int": (lambda x: x * int(x), 3.5, 3.0, ("grad", "hessian")),
    "round": (lambda x: x * round(x), 2.2, 2.5, ("grad", "hessian")),
    "relu": (tapead.relu, 3.0, 0.0, ("grad",)),
    "abs": (abs, 3.0, 0.0, ("grad",)),
    "maximum": (lambda x: tapead.maximum(x, 1.0), 3.0, 1.0, ("grad",)),
    "hypot": (lambda x: tapead.hypot(x, x), 3.0, 0.0, ("grad", "hessian")),
    "floor": (tapead.floor, 3.5, 4.0, ()),
}


@pytest.mark.parametrize("name", TIES)
def test_status_is_at_a_kink(name):
    f, at, tie, derivatives = TIES[name]
    program = tapead.record(f, at)
    assert program.status == tapead.Status.NONE
    for replay in (program, *(getattr(program, name) for name in derivatives)):
        replay(at)
        assert program.status == SAME
        replay(tie)
        assert program.status == KINK


def test_look_at_a_constant_is_no_guard():
    program = tapead.record(lambda x, n: x * 2.0 if n > 1 and len([x]) == 1 else x, 1.0, 2)
    assert program.stats()["guards"] == 0


def test_guard_on_a_value_nothing_else_needs_is_kept():
    def f(x, y):
        if tapead.exp(y) > 2.0:
            return x * 2.0
        return x * 3.0

    program = tapead.record(f, 1.0, 1.0)
    assert program.grad(5.0, 0.9) == 2.0
    with pytest.raises(tapead.BranchChanged):
        program.grad(5.0, 0.1)


def test_guards_of_one_computed_value():
    """Several in front of one instruction, of a value that nothing reads later."""

    def f(x):
        y = tapead.sin(x)
        return x * 2.0 if 0.0 < y < 0.9 and y != 0.5 else -x

    for program in (tapead.record(f, 1.0), tapead.record(f, 1.0).gradient()):
        program(1.0)
        for x in (2.0, -1.0):
            with pytest.raises(tapead.BranchChanged):
                program(x)
    assert tapead.record(f, 1.0)(0.9) == 1.8
