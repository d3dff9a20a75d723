"""tapead.fft: its functions, and what scipy.fft calls with it as backend."""

import numpy as np
import pytest
import scipy.fft

import tapead.fft

X = np.array([[1.0, -2.0, 4.0], [0.5, 3.0, 0.25]])


@pytest.mark.parametrize("name", tapead.fft.__all__)
def test_backend_gives_scipy_s_values_and_our_derivatives(name):
    ours, theirs = getattr(tapead.fft, name), getattr(scipy.fft, name)
    np.testing.assert_allclose(ours(X), theirs(X), 1e-14)
    with scipy.fft.set_backend(tapead.fft):
        np.testing.assert_allclose(theirs(X), ours(X), 1e-14)
        found = tapead.jacobian(theirs)(X)
    expected = np.stack([theirs(one) for one in np.eye(6).reshape(6, 2, 3)], axis=-1)
    np.testing.assert_allclose(found.reshape(2, 3, 6), expected, atol=1e-14)


def test_backend_leaves_the_rest_to_scipy():
    with scipy.fft.set_backend(tapead.fft):
        np.testing.assert_array_equal(scipy.fft.fft(X), np.fft.fft(X))
        with pytest.raises(TypeError, match="would drop the derivative"):
            tapead.grad(lambda x: np.sum(np.abs(scipy.fft.fft(x))))(X)


def test_without_the_backend_a_traced_array_is_refused():
    with pytest.raises(TypeError, match="would drop the derivative"):
        tapead.grad(lambda x: np.sum(scipy.fft.dct(x)))(X)
