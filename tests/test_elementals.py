"""Every row of the table against NumPy, SciPy and mpmath: values and derivatives to order three."""

from itertools import product

import numpy as np
import pytest
from reference import (
    EPS,
    active,
    differentiated,
    expected,
    function,
    mode_sequences,
    points,
    row_id,
    ufunc,
    value_tolerance,
)

import tapead
from tapead import _tape
from tapead.elementals import OPCODES, ROWS

WITH_UFUNC = [row for row in ROWS if row.ufunc]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -2.5, 3.0]
SPECIAL += [5e-324, 1e-300, 1e300, -1e300]

# Where the ufunc is no reference: SciPy overflows at the first (the value is 744.44), and C99 gives
# +inf at the second, where there is no limit.
NOT_THE_UFUNC_S = {("gammaln", 5e-324), ("gammaln", -np.inf)}

# glibc, SciPy and our own functions err by up to 5 ulp (tgamma); a row built of two such by twice
# that. mpmath's reference is exact.
VALUE_ULPS = 10

# Recorded rules of third order are sums of a dozen products that cancel two or three digits.
DERIVATIVE_TOLERANCE = 1e-11


def each_row(rows=ROWS):
    return pytest.mark.parametrize("row", rows, ids=row_id)


def loop(row, *columns):
    """The row's own loop over arrays."""
    out = np.empty(len(columns[0]))
    columns = [np.array(column, dtype=float) for column in columns]
    _tape.evaluate_rows(OPCODES[row.name], columns[0], columns[-1], out)
    return out


def recorded(row, point):
    """Value of the row's function of traced arguments."""
    with tapead.Tape() as tape:
        xs = [tape.variable(x) if i in active(row) else x for i, x in enumerate(point)]
        return function(row)(*xs).value


@each_row()
def test_value_is_the_definition(row):
    for point in points(row):
        reference = float(expected(row, point, (0,) * row.arity))
        tolerance = value_tolerance(row, point, VALUE_ULPS)
        assert loop(row, *np.transpose([point]))[0] == pytest.approx(
            reference, rel=0, abs=tolerance
        )


@each_row()
def test_value_is_the_same_recorded(row):
    """To the last bit, but for `excess`, which is reached through its sigmoid only."""
    for point in points(row):
        plain = loop(row, *np.transpose([point]))[0]
        ulps = 1000 if row.name == "excess" else 0
        assert recorded(row, point) == pytest.approx(plain, rel=ulps * EPS, abs=0)


@each_row(WITH_UFUNC)
def test_value_is_the_ufunc_s(row):
    for point in points(row):
        tolerance = value_tolerance(row, point, VALUE_ULPS)
        assert function(row)(*point) == pytest.approx(
            float(ufunc(row)(*point)), rel=0, abs=tolerance
        )


@each_row(WITH_UFUNC)
def test_special_values_are_the_ufunc_s(row):
    points = product(SPECIAL, repeat=row.arity)
    grid = [xs for xs in points if (row.name, *xs) not in NOT_THE_UFUNC_S]
    with np.errstate(all="ignore"):
        reference = ufunc(row)(*np.transpose(grid))
    got = np.array([function(row)(*xs) for xs in grid])
    np.testing.assert_allclose(got, reference, rtol=VALUE_ULPS * EPS, atol=0)
    zero = (got == 0) & (row.kink != "x == y")  # which of 0.0 and -0.0 is greater C leaves open
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(reference[zero]))
    np.testing.assert_array_equal(loop(row, *np.transpose(grid)), got)


@each_row([row for row in ROWS if row.public])
def test_special_values_are_the_same_recorded(row):
    for point in product(SPECIAL, repeat=row.arity):
        np.testing.assert_equal(recorded(row, point), function(row)(*point))


@each_row([row for row in ROWS if row.public])
def test_partials_at_special_values_are_floats(row):
    gradient = tapead.grad(function(row), argnums=tuple(range(row.arity)))
    for point in product(SPECIAL, repeat=row.arity):
        assert all(type(partial) is float for partial in gradient(*point))


@pytest.mark.parametrize("order", [1, 2, 3])
@each_row()
def test_partials(row, order):
    for arguments in product(active(row), repeat=order):
        orders = tuple(arguments.count(i) for i in range(row.arity))
        for point, modes in product(points(row), mode_sequences(order)):
            got = differentiated(row, arguments, modes)(*point)
            reference = float(expected(row, point, orders))
            assert got == pytest.approx(
                reference, rel=DERIVATIVE_TOLERANCE, abs=DERIVATIVE_TOLERANCE
            ), f"d{row.name}/d{arguments} by {modes} at {point}"


@each_row([row for row in ROWS if row.public and row.ufunc])
def test_ufunc_of_a_traced_value_is_the_row(row):
    f, g = function(row), ufunc(row)
    everything = tuple(range(row.arity))
    for point in points(row):
        got, wanted = (tapead.value_and_grad(h, everything)(*point) for h in (g, f))
        assert got == wanted


@each_row([row for row in ROWS if row.public])
def test_names_are_one_function(row):
    for name in row.names:
        assert getattr(tapead, name) is getattr(tapead, row.name)
        assert name in tapead.__all__


@each_row([row for row in ROWS if row.arity == 2 and row.public])
def test_passive_operand_has_the_same_partial(row):
    f = function(row)
    for x, y in points(row):
        both = tapead.grad(f, (0, 1))(x, y)
        assert tapead.grad(lambda t, y=y: f(t, y))(x) == both[0]
        assert tapead.grad(lambda t, x=x: f(x, t))(y) == both[1]


@each_row([row for row in ROWS if row.selects])
def test_operand_without_a_path_is_absent(row):
    """An adjoint that never arrives is not multiplied by an infinite partial further down."""
    f = function(row)
    for point in points(row):
        partials = tapead.grad(f, tuple(range(row.arity)))(*point)
        for i, partial in enumerate(partials):
            if partial:
                continue

            def through_infinity(t, i=i, point=point):
                xs = list(point)
                xs[i] = xs[i] + tapead.sqrt(t)
                return f(*xs)

            assert tapead.grad(through_infinity)(0.0) == 0.0
