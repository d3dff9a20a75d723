"""Jacobians and Hessians of functions of arrays: no path is no 0 times an infinite partial."""

import numpy as np
import pytest

import tapead

X = np.array([0.0, 1.0, 4.0])
PARTIALS = np.array([np.inf, 0.5, 0.25])
KINDS = {
    "function": lambda f, x: f,
    "program": lambda f, x: tapead.record(f, x, arrays=True),
    "compiled": lambda f, x: tapead.compile(f, arrays=True),
}


def two(x):
    return {"root": np.sqrt(x), "first": np.sqrt(x[:2])}


@pytest.mark.parametrize("transform", [tapead.jacobian, tapead.jacfwd, tapead.jacrev])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jacobian_has_zeros_where_there_is_no_path(transform, kind, dtype):
    x = X.astype(dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = transform(KINDS[kind](two, x))(x)
    wanted = np.zeros((3, 3))
    np.fill_diagonal(wanted, PARTIALS)
    assert np.array_equal(found["root"], wanted)
    assert np.array_equal(found["first"], wanted[:2])


@pytest.mark.parametrize("kind", KINDS)
def test_hessian_has_zeros_where_there_is_no_path(kind):
    def f(x):
        return np.sum(np.sqrt(x) ** 3)

    with np.errstate(divide="ignore", invalid="ignore"):
        found = tapead.hessian(KINDS[kind](f, X))(X)
    assert np.isnan(found[0, 0])
    assert np.array_equal(found[0, 1:], [0.0, 0.0])
    assert np.array_equal(found[1:], [[0.0, 0.75, 0.0], [0.0, 0.0, 0.375]])


def test_zero_times_infinity_stays_where_there_is_a_path():
    def f(x):
        return np.sum(np.sqrt(x)) * np.array([0.0, 1.0])

    with np.errstate(divide="ignore", invalid="ignore"):
        found = tapead.jacobian(f)(X)
    assert np.isnan(found[0, 0])
    assert np.array_equal(found[0, 1:], [0.0, 0.0])
    assert np.array_equal(found[1], PARTIALS)
