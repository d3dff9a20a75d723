"""Var behaves as a float does: Python's number protocol, value by value."""

import copy
import math
import operator
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapead

OPERATORS = {
    name: getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "mod", "floordiv", "pow")
} | {"divmod": divmod}
COMPARISONS = {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")}
KINDS = {
    "float": float,
    "int": round,
    "bool": lambda x: x > 0,
    "Fraction": lambda x: Fraction(x).limit_denominator(1000),
    "float64": np.float64,
    "float32": np.float32,
    "int64": lambda x: np.int64(round(x)),
    "bool_": lambda x: np.bool_(x > 0),
}
floats = st.floats(-100, 100, allow_subnormal=False)
anything = st.floats(allow_nan=True, allow_infinity=True)


@pytest.fixture
def tape():
    with tapead.Tape() as tape:
        yield tape


def reference(function, x, y):
    """What the operator gives for two floats, as IEEE 754 and NumPy have it."""
    with np.errstate(all="ignore"):
        return function(np.float64(x), np.float64(y))


def plain(result):
    if isinstance(result, tuple):
        return tuple(map(plain, result))
    assert type(result) is tapead.Var
    return result.value


@pytest.mark.parametrize("kind", KINDS)
@given(x=floats, y=floats)
def test_operators_take_any_number_on_either_side(kind, x, y):
    other = KINDS[kind](y)
    for name, function in OPERATORS.items():
        with tapead.Tape() as tape:
            v = tape.variable(x)
            got = [plain(function(v, other)), plain(function(other, v))]
            got.append(plain(function(v, tape.variable(float(other)))))
        wanted = [reference(function, x, other), reference(function, other, x)]
        wanted.append(wanted[0])
        rtol = 2.0**-51 if name == "pow" else 0  # NumPy's power and C's differ by 1 ulp
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=0, err_msg=name)


@given(x=anything, y=anything)
def test_operators_are_python_s_where_python_has_a_value(x, y):
    for name, function in OPERATORS.items():
        try:
            wanted = function(x, y)
        except (ZeroDivisionError, OverflowError):
            continue
        if isinstance(wanted, complex):
            continue
        with tapead.Tape() as tape:
            np.testing.assert_equal(plain(function(tape.variable(x), y)), wanted, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@given(x=floats, y=floats)
def test_comparisons_are_the_value_s(kind, x, y):
    other = KINDS[kind](y)
    with tapead.Tape() as tape:
        v = tape.variable(x)
        for name, function in COMPARISONS.items():
            assert function(v, other) is bool(function(x, other)), name
            assert bool(function(other, v)) is bool(function(other, x)), name
            assert function(v, tape.variable(float(other))) is bool(function(x, float(other))), name


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("x", [2.0**53, 1e300, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("other", [2**53 + 1, 10**400, -(10**400), Fraction(1, 3)], ids=repr)
def test_comparison_with_exact_numbers_is_exact(tape, name, x, other):
    function = COMPARISONS[name]
    assert function(tape.variable(x), other) is function(x, other)
    assert function(other, tape.variable(x)) is function(other, x)


def test_comparison_with_a_fraction_does_not_round_it(tape):
    assert tape.variable(1 / 3) != Fraction(1, 3)
    assert tape.variable(0.5) == Fraction(1, 2)


def test_comparison_with_anything_else_is_python_s(tape):
    v = tape.variable(1.0)
    assert v != "1.0"
    assert operator.ne(v, None)
    with pytest.raises(TypeError, match="not supported"):
        operator.lt(v, "2.0")


@given(x=anything)
def test_unary_operators_are_a_float_s(x):
    with tapead.Tape() as tape:
        v = tape.variable(x)
        np.testing.assert_equal([(-v).value, (+v).value, abs(v).value], [-x, +x, abs(x)])
        assert bool(v) is bool(x)
        assert v.is_integer() is x.is_integer()


@given(x=st.floats(-1e20, 1e20), digits=st.integers(-3, 5))
def test_rounding_gives_a_plain_number(x, digits):
    with tapead.Tape() as tape:
        v = tape.variable(x)
        for function in (int, round, math.floor, math.ceil, math.trunc):
            assert function(v) == function(x)
            assert type(function(v)) is int
        assert round(v, digits) == round(x, digits)
        assert type(round(v, digits)) is float


@pytest.mark.parametrize("function", [int, round, math.floor, math.ceil, math.trunc])
@pytest.mark.parametrize("x", [math.inf, math.nan])
def test_rounding_of_no_number_raises_as_for_a_float(tape, function, x):
    with pytest.raises((OverflowError, ValueError)) as wanted:
        function(x)
    with pytest.raises(wanted.type):
        function(tape.variable(x))


DROPPING = {
    "float": float,
    "complex": complex,
    "math.sin": math.sin,
    "math.isnan": math.isnan,
    "math.fsum": lambda v: math.fsum([v]),
    "array of floats": lambda v: np.array([v], dtype=float),
    "astype": lambda v: np.array([v]).astype(float),
    "item assignment": lambda v: np.zeros(2).__setitem__(0, v),
    "slice assignment": lambda v: np.zeros(2).__setitem__(slice(None), [v, v]),
    "in-place": lambda v: operator.iadd(np.zeros(2), v),
    "out": lambda v: np.add(np.zeros(2), v, out=np.zeros(2)),
}


@pytest.mark.parametrize("case", DROPPING)
def test_dropping_the_derivative_raises_and_names_the_way_out(tape, case):
    with pytest.raises(TypeError, match=r"would drop the derivative.*(x\.value|leave out)"):
        DROPPING[case](tape.variable(0.5))


REFUSED = [1j, "1", None, [1.0], (1.0,), {}, object(), np.complex128(1)]


@pytest.mark.parametrize("other", REFUSED, ids=lambda other: type(other).__name__)
def test_operators_refuse_what_is_not_real(tape, other):
    v = tape.variable(1.0)
    for function in (operator.add, operator.truediv, operator.pow):
        with pytest.raises(TypeError):
            function(v, other)
        with pytest.raises(TypeError):
            function(other, v)


def test_power_with_a_modulus_is_refused(tape):
    with pytest.raises(TypeError, match="modulus is for integers"):
        pow(tape.variable(2.0), 3, 5)


def test_int_too_large_for_a_float_overflows_as_for_a_float(tape):
    with pytest.raises(OverflowError):
        tape.variable(1.0) + 10**400


def test_index_needs_an_int(tape):
    with pytest.raises(TypeError):
        [1, 2][tape.variable(1.0)]


def test_hash_is_by_identity(tape):
    v, w = tape.variable(1.0), tape.variable(1.0)
    assert v == w
    assert {v: "v", w: "w"}[v] == "v"
    assert len({v, w, v}) == 2
    assert hash(v) == hash(v)


def test_repr_and_format_show_the_value(tape):
    v = tape.variable(2.5)
    assert repr(v) == str(v) == f"{v}" == "Var(2.5)"
    assert f"{v:.3f}" == "2.500"
    assert f"{v:>10.1e}" == f"{2.5:>10.1e}"


def test_copies_are_the_var_itself(tape):
    v = tape.variable(2.0)
    assert copy.copy(v) is v
    assert copy.deepcopy([v])[0] is v


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_is_refused(tape, protocol):
    with pytest.raises(TypeError, match=r"not pickled; take x\.value"):
        pickle.dumps(tape.variable(2.0), protocol)


def test_complex_attributes_are_a_real_number_s(tape):
    v = tape.variable(2.0)
    assert v.real is v
    assert v.conjugate() is v
    assert v.imag == 0.0


def test_value_is_read_only(tape):
    with pytest.raises(AttributeError):
        tape.variable(2.0).value = 3.0


def test_builtins_keep_the_derivative():
    def f(x, y):
        return sum([x, y, x]) + max(x, y) + min([x, y]) + math.prod([x, y]) + abs(-x)

    assert tapead.value_and_grad(f, (0, 1))(2.0, 3.0) == (
        7.0 + 3 + 2 + 6 + 2,
        (2 + 1 + 3 + 1, 1 + 1 + 2),
    )


def test_var_made_by_hand_is_refused():
    with pytest.raises(TypeError, match="variable"):
        tapead.Var(2.0)
    with pytest.raises(TypeError, match="variable"):
        tapead.Var()


def test_var_without_a_constructor_is_refused():
    """`Var.__new__` skips a constructor; what it gives belongs to no recording."""
    try:
        v = tapead.Var.__new__(tapead.Var)
    except TypeError:
        return
    with pytest.raises(tapead.TapeError):
        v + 1.0
    with tapead.Tape(), pytest.raises(tapead.TapeError):
        tapead.sin(v)


def test_var_is_final():
    with pytest.raises(TypeError):
        type("Sub", (tapead.Var,), {})
