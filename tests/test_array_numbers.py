"""Where arrays and numbers meet: results without axes, NumPy's scalar attributes of a Var."""

import numpy as np
import pytest

import tapead

X = np.array([3.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x[..., 0], [1.0, 0.0, 0.0]),
        (np.median, [0.0, 0.0, 1.0]),
        (lambda x: np.array(x[1])[()] * 2, [0.0, 2.0, 0.0]),
        (lambda x: np.reshape(x[2:], ()), [0.0, 0.0, 1.0]),
        (lambda x: np.squeeze(x[:1]), [1.0, 0.0, 0.0]),
        (lambda x: tapead.logsumexp(x, b=np.array([2.0, 0.0, 0.0])), [1.0, 0.0, 0.0]),
    ],
)
def test_result_without_axes_has_its_gradient(f, expected):
    for transform in (tapead.grad, tapead.jacobian):
        np.testing.assert_allclose(transform(f)(X), expected, 1e-15)


@pytest.mark.parametrize("f", [lambda v: v, np.sum], ids=["number", "summed"])
def test_where_of_numbers_to_second_order(f):
    def g(x):
        return f(x * x * np.where(False, x, 3.0))

    assert [tapead.derivative(g, n)(2.0) for n in (1, 2)] == [12.0, 6.0]
    assert (tapead.grad(g)(2.0), tapead.hessian(g)(2.0)) == (12.0, 6.0)


def test_array_of_plain_numbers_is_numpy_s():
    assert type(tapead.array([1.0, 2.0])) is type(tapead.stack([1.0, 2.0])) is np.ndarray
    assert tapead.array([1, 2], np.float32).dtype == np.float32


def test_var_has_what_numpy_s_numbers_have():
    seen = []

    def f(x):
        y = np.sum(x)
        seen.append((y.shape, y.ndim, y.size, y.item() is y))
        return y.astype(np.float64) * 2 + y.astype(np.float32)

    found = tapead.value_and_grad(f)(np.array([1.1, 2.0]))
    assert seen == [((), 0, 1, True)]
    assert found[0] == 2 * 3.1 + float(np.float32(3.1))
    np.testing.assert_array_equal(found[1], [3.0, 3.0])
    whole = tapead.value_and_grad(lambda x: np.sum(x).astype(int))(X)  # constant, as int() is
    assert (float(whole[0]), list(whole[1])) == (6.0, [0.0, 0.0, 0.0])
