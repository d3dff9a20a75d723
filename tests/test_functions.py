"""tapead's functions of anything: floats, ints, arrays, lists, traced values in any of them."""

import decimal

import numpy as np
import pytest
from reference import EPS, function, points, row_id, ufunc

import tapead
from tapead.elementals import ROWS

PUBLIC = [row for row in ROWS if row.public]
WITH_UFUNC = [row for row in PUBLIC if row.ufunc]
# SciPy's and our own loops differ by a few ulp.
ULPS = 10 * EPS


def each_row(rows=PUBLIC):
    return pytest.mark.parametrize("row", rows, ids=row_id)


def columns(row, dtype=float):
    return [np.array(column, dtype) for column in np.transpose(points(row))]


def one_by_one(row):
    return [function(row)(*point) for point in points(row)]


@each_row()
def test_function_of_floats_is_a_float(row):
    assert all(type(value) is float for value in one_by_one(row))


@each_row()
def test_function_of_ints_and_bools_is_that_of_floats(row):
    for whole in (1, True):
        with np.errstate(all="ignore"):
            got, wanted = (function(row)(*[x] * row.arity) for x in (whole, 1.0))
        np.testing.assert_equal(got, wanted)
        assert type(got) is float


@each_row()
def test_function_of_an_array_acts_element_by_element(row):
    xs = columns(row)
    got = function(row)(*xs)
    assert got.dtype == float
    np.testing.assert_allclose(got, one_by_one(row), rtol=ULPS, atol=ULPS)


@each_row()
def test_function_of_a_list_is_that_of_the_array(row):
    xs = columns(row)
    np.testing.assert_array_equal(function(row)(*[x.tolist() for x in xs]), function(row)(*xs))


@each_row()
def test_function_keeps_float32(row):
    xs = columns(row, np.float32)
    got = function(row)(*xs)
    assert got.dtype == np.float32
    wanted = function(row)(*[x.astype(float) for x in xs])
    # one ulp of an argument moves the value by up to ten
    np.testing.assert_allclose(got, wanted, rtol=20 * 2.0**-23, atol=20 * 2.0**-23)


@each_row([row for row in PUBLIC if row.arity == 2])
def test_function_of_float32_and_a_python_number_keeps_float32(row):
    x, y = columns(row, np.float32)
    assert function(row)(x, 2.0).dtype == np.float32
    assert function(row)(2, y).dtype == np.float32


@pytest.mark.parametrize("end", [0.5, 1, None])
def test_clip_keeps_float32(end):
    assert tapead.clip(np.ones(3, np.float32), 0.0, end).dtype == np.float32


@each_row([row for row in PUBLIC if row.arity == 2])
def test_function_broadcasts(row):
    x, y = columns(row)
    got = function(row)(x[:, None], y)
    assert got.shape == (x.size, y.size)
    assert got[2, 1] == pytest.approx(function(row)(float(x[2]), float(y[1])), rel=ULPS, abs=ULPS)


@each_row()
def test_function_of_a_strided_array_reads_the_right_elements(row):
    xs = [np.repeat(x, 2)[::-2] for x in columns(row)]
    wanted = function(row)(*columns(row))[::-1]
    np.testing.assert_allclose(function(row)(*xs), wanted, rtol=ULPS, atol=ULPS)


@each_row()
def test_function_of_an_array_of_traced_values_is_traced(row):
    """Value and gradient of the sum over an array are those of its elements."""
    xs = columns(row)
    everything = tuple(range(row.arity))
    value, gradient = tapead.value_and_grad(lambda *xs: np.sum(function(row)(*xs)), everything)(*xs)
    each = [tapead.value_and_grad(function(row), everything)(*point) for point in points(row)]
    assert value == pytest.approx(sum(v for v, _ in each), rel=4 * EPS, abs=4 * EPS)
    # kernels of arrays are within 2 ulp of the functions of a number
    np.testing.assert_allclose(np.transpose(gradient), [g for _, g in each], rtol=4 * EPS)


@each_row(WITH_UFUNC)
def test_ufunc_of_an_array_of_traced_values_is_the_row_s(row):
    xs = columns(row)
    everything = tuple(range(row.arity))
    got, wanted = (
        tapead.grad(lambda *xs, f=f: np.sum(f(*xs)), everything)(*xs)
        for f in (ufunc(row), function(row))
    )
    np.testing.assert_array_equal(got, wanted)


REFUSED = {
    "complex": 1j,
    "complex128": np.complex128(1j),
    "str": "1",
    "str_": np.str_("1"),
    "NoneType": None,
    "an array of complex128": np.array([1j]),
    "an array of object": np.array([None]),
    "Decimal": decimal.Decimal(1),
    "dict": {},
}


@each_row()
def test_function_refuses_by_name(row):
    for name, x in REFUSED.items():
        with pytest.raises(TypeError, match=f"{row.name}.*real numbers.*{name}"):
            function(row)(*[x] * row.arity)


@each_row([row for row in PUBLIC if row.arity == 2])
def test_function_refuses_by_name_beside_a_traced_value(row):
    with tapead.Tape() as tape:
        v = tape.variable(1.0)
        for x in REFUSED.values():
            for arguments in ((v, x), (x, v)):
                with pytest.raises(TypeError):
                    function(row)(*arguments)


@each_row()
def test_function_needs_its_arguments(row):
    for n in (0, row.arity + 1):
        with pytest.raises(TypeError, match="argument"):
            function(row)(*[1.0] * n)


@each_row()
def test_function_is_documented(row):
    document = function(row).__doc__
    assert document.strip()
    assert "Parameters" in document


class TestPolygamma:
    """A function of an order and a number."""

    @pytest.mark.parametrize("n", range(6))
    def test_polygamma_is_the_derivative_of_the_one_below(self, n):
        got = tapead.grad(lambda x: tapead.polygamma(n, x))(1.7)
        assert got == tapead.polygamma(n + 1, 1.7)

    def test_polygamma_of_order_zero_is_digamma(self):
        assert tapead.polygamma(0, 1.7) == tapead.digamma(1.7)

    def test_polygamma_of_an_array_acts_element_by_element(self):
        x = np.array([0.7, 1.7, -0.3])
        each = [tapead.polygamma(2, float(item)) for item in x]
        np.testing.assert_array_equal(tapead.polygamma(2, x), each)

    @pytest.mark.parametrize("n", [-1, -5])
    def test_polygamma_refuses_a_negative_order(self, n):
        with pytest.raises(ValueError, match=f"at least 0; got {n}"):
            tapead.polygamma(n, 1.0)

    def test_polygamma_refuses_a_fractional_order(self):
        with pytest.raises(TypeError):
            tapead.polygamma(1.5, 1.0)


class TestWhere:
    """Selection by a condition."""

    def test_where_of_plain_arrays_is_numpy_s(self):
        x = np.array([-1.0, 0.0, 2.0])
        np.testing.assert_array_equal(tapead.where(x > 0, x, 0.0), np.where(x > 0, x, 0.0))

    def test_where_of_floats_is_the_branch(self):
        assert tapead.where(True, 3.0, 4.0) == 3.0
        assert tapead.where(False, 3.0, 4.0) == 4.0

    @pytest.mark.parametrize("where", [tapead.where, np.where])
    def test_where_gives_each_branch_its_own_elements(self, where):
        def f(x, y):
            return np.sum(where(x > y, x, 2 * y))

        gx, gy = tapead.grad(f, (0, 1))(np.array([1.0, 2.0]), np.array([0.0, 5.0]))
        np.testing.assert_array_equal(gx, [1.0, 0.0])
        np.testing.assert_array_equal(gy, [0.0, 2.0])

    def test_where_broadcasts_a_traced_value(self):
        mask = np.array([True, False, True])
        assert tapead.grad(lambda x: np.sum(tapead.where(mask, x, 1.0)))(2.0) == 2.0


class TestClip:
    """Limits to an interval."""

    @pytest.mark.parametrize("x", [-1.0, 0.5, 3.0, np.nan])
    @pytest.mark.parametrize("ends", [(0.0, 1.0), (None, 1.0), (0.0, None), (None, None)])
    def test_clip_of_a_float_is_numpy_s(self, x, ends):
        np.testing.assert_equal(tapead.clip(x, *ends), float(np.clip(x, *ends)))

    @pytest.mark.parametrize(
        "names", [("a_min", "a_max"), ("min", "max")], ids=lambda names: names[0]
    )
    def test_numpy_clip_takes_either_keyword(self, names):
        ends = dict(zip(names, (0.0, 1.0), strict=True))
        assert tapead.grad(lambda x: np.clip(x, **ends))(0.5) == 1.0
        assert tapead.grad(lambda x: np.clip(x, **ends))(1.5) == 0.0

    def test_clip_end_that_is_taken_has_the_derivative(self):
        assert tapead.grad(tapead.clip, (0, 1, 2))(-1.0, 0.0, 1.0) == (0.0, 1.0, 0.0)
