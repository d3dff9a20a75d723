"""vmap of compiled functions and Programs, and of what SciPy's backends call."""

import numpy as np
import pytest

import tapead
import tapead.fft

SQUARES_OR_SINES = tapead.compile(lambda x: np.sum(x * x) if x[0] > 1.0 else np.sum(np.sin(x)))


def test_vmap_does_not_take_the_path_of_another_call():
    xs = np.array([[2.0, 1.0], [0.5, 1.0]])
    assert [SQUARES_OR_SINES(x) for x in xs] == [5.0, pytest.approx(np.sin(xs[1]).sum())]
    for f in (SQUARES_OR_SINES, tapead.grad(SQUARES_OR_SINES)):
        with pytest.raises(TypeError, match=r"use numpy\.where"):
            tapead.vmap(f)(xs)


@pytest.mark.parametrize("arrays", [False, True])
@pytest.mark.parametrize("made", ["compile", "record"])
def test_vmap_of_what_replays(made, arrays):
    def f(x, k):
        return np.sum(np.sin(x) * k) * k

    xs, ks = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, -1.0])
    if made == "compile":
        g = tapead.compile(f, arrays=arrays)
        methods = {}
    else:
        g = tapead.record(f, xs[0], 1.0, arrays=arrays)
        methods = {g.grad: tapead.grad(f), g.hessian: tapead.hessian(f)}
    g(xs[0], 2.0)
    methods |= {g: f, tapead.grad(g): tapead.grad(f), tapead.jacobian(g): tapead.jacobian(f)}
    for replayed, eager in methods.items():
        expected = np.stack([eager(x, float(k)) for x, k in zip(xs, ks, strict=True)])
        np.testing.assert_allclose(tapead.vmap(replayed)(xs, ks), expected, 1e-14)
        one = np.stack([eager(x, 3.0) for x in xs])
        np.testing.assert_allclose(tapead.vmap(replayed, (0, None))(xs, 3.0), one, 1e-14)


def test_vmap_of_transforms_of_scipy():
    xs = np.arange(6.0).reshape(2, 3)
    found = tapead.vmap(tapead.grad(lambda x: tapead.fft.dct(x)[1] ** 2))(xs)
    expected = [tapead.grad(lambda x: tapead.fft.dct(x)[1] ** 2)(x) for x in xs]
    np.testing.assert_allclose(found, expected, 1e-14)
