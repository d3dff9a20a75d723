"""Traced values under NumPy's own functions, alone and in arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapead

ARRAY = np.array([1.0, 2.0, 4.0])

# function of a traced number, value and derivative at 2
OF_A_NUMBER = {
    "ndarray + v": (lambda v: np.sum(ARRAY + v), 13.0, 3.0),
    "ndarray - v": (lambda v: np.sum(ARRAY - v), 1.0, -3.0),
    "v - ndarray": (lambda v: np.sum(v - ARRAY), -1.0, 3.0),
    "ndarray * v": (lambda v: np.sum(ARRAY * v), 14.0, 7.0),
    "ndarray / v": (lambda v: np.sum(ARRAY / v), 3.5, -1.75),
    "ndarray ** v": (lambda v: np.sum(ARRAY**v), 21.0, 4 * np.log(2) + 16 * np.log(4)),
    "v ** ndarray": (lambda v: np.sum(v**ARRAY), 22.0, 1.0 + 4.0 + 32.0),
    "ndarray % v": (lambda v: np.sum(ARRAY % v), 1.0, -3.0),
    "ndarray // v": (lambda v: np.sum(ARRAY // v), 3.0, 0.0),
    "int ndarray * v": (lambda v: np.sum(np.array([1, 2]) * v), 6.0, 3.0),
    "bool ndarray * v": (lambda v: np.sum(np.array([True, False]) * v), 2.0, 1.0),
    "float32 ndarray * v": (lambda v: np.sum(np.ones(2, np.float32) * v), 4.0, 2.0),
    "0-d ndarray * v": (lambda v: np.array(3.0) * v, 6.0, 3.0),
    "float64 - v": (lambda v: np.float64(5.0) - v, 3.0, -1.0),
    "float32 / v": (lambda v: np.float32(5.0) / v, 2.5, -1.25),
    "int64 ** v": (lambda v: np.int64(3) ** v, 9.0, 9 * np.log(3)),
    "divmod(float64, v)": (lambda v: sum(divmod(np.float64(5.0), v)), 3.0, -2.0),
    "divmod(v, float64)": (lambda v: sum(divmod(v, np.float64(1.5))), 1.5, 1.0),
    "array([v, v])": (lambda v: np.sum(np.array([v, v * v])), 6.0, 5.0),
    "array([v, 1.0])": (lambda v: np.array([v, 1.0]).sum(), 3.0, 1.0),
    "mean([v, v])": (lambda v: np.mean([v, v * v, 1.0]), 7 / 3, 5 / 3),
    "sum([v, v])": (lambda v: np.sum([v, v * v]), 6.0, 5.0),
    "dot([v, v], ndarray)": (lambda v: np.dot([v, v * v, 1.0], ARRAY), 14.0, 9.0),
    "sqrt of an object array": (lambda v: np.sqrt(np.array([v * v]))[0], 2.0, 1.0),
    "arctan2 of an object array": (
        lambda v: np.arctan2(np.array([v]), 2.0)[0], np.pi / 4, 0.25,
    ),
    "maximum of an object array": (lambda v: np.maximum(np.array([v]), 1.0)[0], 2.0, 1.0),
    "sum(v)": (np.sum, 2.0, 1.0),
    "mean(v)": (np.mean, 2.0, 1.0),
    "square(v)": (np.square, 4.0, 4.0),
    "where(v > 1, v, 0)": (lambda v: np.where(v > 1, v, 0.0), 2.0, 1.0),
    "select by bool": (lambda v: v * bool(np.isfinite(v)), 2.0, 1.0),
    "clip(v, 0, 1)": (lambda v: np.clip(v, 0.0, 1.0), 1.0, 0.0),
    "sinc(v)": (lambda v: np.sinc(v / 4), 2 / np.pi, -1 / np.pi),
    "round(v)": (lambda v: v + np.round(v, 1), 4.0, 1.0),
    "cumsum": (lambda v: np.cumsum([v, v, v])[-1], 6.0, 3.0),
    "outer": (lambda v: np.outer([v, 1.0], [v, 1.0]).sum(), 9.0, 6.0),
    "linspace": (lambda v: np.sum(np.linspace(0.0, 1.0, 3) * v), 3.0, 1.5),
    "polyval": (lambda v: np.polyval([1.0, 2.0, 3.0], v), 11.0, 6.0),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_A_NUMBER)
def test_function_of_a_traced_number_keeps_the_derivative(case):
    f, value, slope = OF_A_NUMBER[case]
    got = tapead.value_and_grad(f)(2.0)
    # a handful of rounded operations
    assert got == pytest.approx((value, slope), rel=1e-15, abs=1e-15)


MATRIX = np.arange(9.0).reshape(3, 3)


def _doubled_first(x):
    y = np.zeros_like(x)
    y[:] = x
    y[0] = 2 * x[0]
    return np.sum(y)


def _halved(x):
    y = x.copy()
    y /= 2.0
    return np.sum(y)


# function of a traced array, gradient at ARRAY
OF_AN_ARRAY = {
    "ndarray - x": (lambda x: np.sum(MATRIX - x), [-3.0, -3.0, -3.0]),
    "ndarray @ x": (lambda x: np.sum(MATRIX @ x), MATRIX.sum(axis=0)),
    "x @ ndarray": (lambda x: np.sum(x @ MATRIX), MATRIX.sum(axis=1)),
    "x @ x": (lambda x: x @ x, 2 * ARRAY),
    "dot": (lambda x: np.dot(ARRAY, x), ARRAY),
    "sum of squares": (lambda x: np.sum(x**2), 2 * ARRAY),
    "mean": (np.mean, [1 / 3] * 3),
    "method sum": (lambda x: x.sum(), [1.0] * 3),
    "method mean": (lambda x: x.mean(), [1 / 3] * 3),
    "indexing": (lambda x: x[0] * x[-1], [4.0, 0.0, 1.0]),
    "slicing": (lambda x: np.sum(x[1:] * x[:-1]), [2.0, 5.0, 2.0]),
    "fancy indexing": (lambda x: np.sum(x[[0, 0, 2]]), [2.0, 0.0, 1.0]),
    "mask": (lambda x: np.sum(x[x > 1.5]), [0.0, 1.0, 1.0]),
    "iteration": (lambda x: sum(item**2 for item in x), 2 * ARRAY),
    "list of it": (lambda x: sum(list(x)), [1.0] * 3),
    "item assignment": (_doubled_first, [2.0, 1.0, 1.0]),
    "in-place": (_halved, [0.5] * 3),
    "reshape and transpose": (lambda x: np.sum((x.reshape(3, 1) * x).T[0]), [8.0, 1.0, 1.0]),
    "concatenate": (lambda x: np.sum(np.concatenate([x, x])), [2.0] * 3),
    "stack": (lambda x: np.sum(np.stack([x, x]) * 3.0), [6.0] * 3),
    "cumsum": (lambda x: np.cumsum(x)[1], [1.0, 1.0, 0.0]),
    "cumprod": (lambda x: np.cumprod(x)[2], [8.0, 4.0, 2.0]),
    "diff": (lambda x: np.sum(np.diff(x) ** 2), [-2.0, -2.0, 4.0]),
    "outer": (lambda x: np.sum(np.outer(x, x)), [14.0] * 3),
    "max": (np.max, [0.0, 0.0, 1.0]),
    "min": (np.min, [1.0, 0.0, 0.0]),
    "sorted": (lambda x: np.sort(-x)[0], [0.0, 0.0, -1.0]),
    "argmax as an index": (lambda x: x[np.argmax(x)], [0.0, 0.0, 1.0]),
    "trace of outer": (lambda x: np.trace(np.outer(x, x)), 2 * ARRAY),
    "einsum": (lambda x: np.einsum("i,i->", x, x), 2 * ARRAY),
    "norm": (np.linalg.norm, ARRAY / np.sqrt(21.0)),
    "add.reduce": (np.add.reduce, [1.0] * 3),
    "hypot": (lambda x: np.sum(np.hypot(x, 0.0)), [1.0] * 3),
}


@pytest.mark.parametrize("case", OF_AN_ARRAY)
def test_function_of_a_traced_array_keeps_the_derivative(case):
    f, gradient = OF_AN_ARRAY[case]
    value, got = tapead.value_and_grad(f)(ARRAY)
    assert value == pytest.approx(float(f(ARRAY)), rel=1e-15)
    np.testing.assert_allclose(got, gradient, rtol=1e-15, atol=1e-15)
    assert got.dtype == float


@pytest.mark.parametrize("name", ["max", "mean"])
def test_reduction_keeps_float32(name):
    x = np.array([1.0, 2.0, 3.0], np.float32)
    gradient = tapead.grad(getattr(np, name))(x)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(
        gradient, {"max": [0, 0, 1], "mean": np.float32([1 / 3] * 3)}[name]
    )


COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]


@pytest.mark.parametrize("name", COMPARISONS)
@given(values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, np.nan, np.inf]), min_size=1))
def test_comparison_of_arrays_is_plain(name, values):
    ufunc, x = getattr(np, name), np.array(values)
    seen = []

    def f(traced):
        seen.extend([ufunc(traced, 0.0), ufunc(0.5, traced), ufunc(traced, traced)])
        return 0.0

    tapead.grad(f)(x)
    for got, wanted in zip(seen, [ufunc(x, 0.0), ufunc(0.5, x), ufunc(x, x)], strict=True):
        assert got.dtype == bool
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "signbit", "logical_not"])
def test_predicate_is_plain(name):
    ufunc, x = getattr(np, name), np.array([1.0, -0.0, np.nan, -np.inf])
    seen = []
    tapead.grad(lambda traced: seen.extend([ufunc(traced), ufunc(traced[2])]) or 0.0)(x)
    np.testing.assert_array_equal(seen[0], ufunc(x))
    assert seen[0].dtype == bool
    assert bool(seen[1]) is bool(ufunc(x[2]))


@pytest.mark.parametrize("function", [np.argmax, np.argmin, np.argsort, np.count_nonzero])
def test_index_function_is_plain(function):
    x = np.array([2.0, 3.0, -1.0, 3.0])
    seen = []
    tapead.grad(lambda traced: seen.append(function(traced)) or 0.0)(x)
    np.testing.assert_array_equal(seen[0], function(x))
    assert np.issubdtype(np.asarray(seen[0]).dtype, np.integer)


UNSUPPORTED = {
    "frexp": np.frexp,
    "gcd": lambda v: np.gcd(v, 2),
    "bitwise_and": lambda v: np.bitwise_and(v, 1),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_ufunc_says_so(case):
    with pytest.raises(TypeError, match=rf"numpy\.{case}.* not supported.*x\.value"):
        tapead.grad(UNSUPPORTED[case])(2.0)


def test_out_of_floats_is_refused():
    with pytest.raises(TypeError, match=r"numpy\.add with out= .*would drop the derivative"):
        tapead.grad(lambda x: np.add(x, 1.0, out=np.zeros(3))[0])(ARRAY)


def test_input_array_is_not_changed_by_the_function():
    x = ARRAY.copy()

    def f(traced):
        traced[0] = 0.0
        traced *= 2.0
        return np.sum(traced)

    np.testing.assert_array_equal(tapead.grad(f)(x), [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(x, ARRAY)


def test_input_array_mutated_by_the_function_does_not_change_the_gradient():
    x = ARRAY.copy()

    def f(traced):
        y = np.sum(traced * traced)
        x[:] = -1.0
        return y

    np.testing.assert_array_equal(tapead.grad(f)(x), 2 * ARRAY)


def test_ufunc_with_where_keeps_the_convention_at_a_tie():
    def f(x):
        return np.sum(np.maximum(x, 2.0, where=np.array([True, True]), out=x.copy()))

    np.testing.assert_array_equal(tapead.grad(f)(np.array([2.0, 3.0])), [0.5, 1.0])
