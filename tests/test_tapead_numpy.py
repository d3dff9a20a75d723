"""tapead.numpy: NumPy's names, and arrays that can later hold traced values."""

import sys

import numpy
import pytest
from arrays import difference, directions, flat

import tapead
import tapead.numpy as np
from tapead._array import Array
from tapead.primitives import FUNCTIONS

X = numpy.random.default_rng(3).uniform(0.5, 1.5, size=4)

CREATED = {
    "zeros": lambda: np.zeros(4),
    "zeros of a shape": lambda: np.zeros((4, 2)),
    "ones": lambda: np.ones(4),
    "empty": lambda: np.empty(4),
    "full": lambda: np.full(4, 1.5),
    "arange": lambda: np.arange(4.0),
    "linspace": lambda: np.linspace(0.0, 1.0, 4),
    "logspace": lambda: np.logspace(0.0, 1.0, 4),
    "geomspace": lambda: np.geomspace(1.0, 2.0, 4),
    "eye": lambda: np.eye(4),
    "identity": lambda: np.identity(4),
    "tri": lambda: np.tri(4),
    "fromfunction": lambda: np.fromfunction(lambda i: i * 0.5, (4,)),
    "array": lambda: np.array([1.0, 2.0, 3.0, 4.0]),
    "asarray of a list": lambda: np.asarray([1.0, 2.0, 3.0, 4.0]),
    "copy": lambda: np.copy(X),
    "zeros_like": lambda: np.zeros_like(X),
    "ones_like": lambda: np.ones_like(X),
    "empty_like": lambda: np.empty_like(X),
    "full_like": lambda: np.full_like(X, 2.0),
    "float32": lambda: np.zeros(4, np.float32),
    "float32 by name": lambda: np.ones(4, dtype="f4"),
}


def check(f, *arrays):
    tangents = directions(arrays)
    value, pullback = tapead.vjp(f, *arrays)
    numpy.testing.assert_allclose(value, f(*arrays), rtol=1e-13)
    expected = difference(lambda *xs: [f(*xs)], arrays, tangents)
    numpy.testing.assert_allclose(flat(pullback(1.0)) @ flat(tangents), expected[0], rtol=1e-8)
    dot = tapead.jvp(f, tuple(arrays), tuple(tangents))[1]
    numpy.testing.assert_allclose(dot, expected[0], rtol=1e-8)


@pytest.mark.parametrize("create", CREATED.values(), ids=CREATED)
def test_created_array_takes_traced_values(create):
    def f(x):
        z = create()
        z[0] = x[0] * x[1]
        z[1:3] = 2.0 * x[2]
        z[3] = z[0] * z[1]
        return np.sum(z)

    expected = f(X)
    gradient = [X[1] * (1 + 2 * X[2]), X[0] * (1 + 2 * X[2]), 4 + 2 * X[0] * X[1], 0.0]
    columns = create()[0].size
    value, found = tapead.value_and_grad(f)(X)
    numpy.testing.assert_allclose(value, expected, rtol=1e-6)
    numpy.testing.assert_allclose(found, columns * numpy.array(gradient), rtol=1e-6)


@pytest.mark.parametrize("create", CREATED.values(), ids=CREATED)
def test_created_array_is_numpy_s_outside_of_a_recording(create):
    assert type(create()) is numpy.ndarray


@pytest.mark.parametrize("create", CREATED.values(), ids=CREATED)
def test_created_array_has_numpy_s_shape_and_precision(create):
    plain, found = create(), []

    def f(x):
        found.append(create())
        return x

    tapead.grad(f)(1.0)
    assert type(found[0]) is Array
    assert (found[0].shape, found[0].dtype) == (plain.shape, plain.dtype)


PLAIN = {
    "arange of integers": lambda: np.arange(4),
    "zeros of integers": lambda: np.zeros(4, int),
    "full of booleans": lambda: np.full(4, True),
    "complex numbers": lambda: np.ones(4, complex),
    "half precision": lambda: np.ones(4, np.float16),
    "array of integers": lambda: np.array([1, 2]),
    "integers like floats": lambda: np.zeros_like(X, int),
    "asarray of an array": lambda: np.asarray(X),
}


@pytest.mark.parametrize("create", PLAIN.values(), ids=PLAIN)
def test_what_no_traced_value_fits_into_stays_plain(create):
    found = []
    tapead.grad(lambda x: found.append(create()) or x)(1.0)
    assert type(found[0]) is numpy.ndarray
    assert found[0].dtype == create().dtype


def test_asarray_of_an_array_is_the_array():
    assert tapead.grad(lambda x: x * (np.asarray(X) is X))(1.0) == 1.0
    assert tapead.grad(lambda x: np.sum(x) * (np.asarray(x) is x))(X).tolist() == [1.0] * 4


HOLDING = {
    "array": lambda x: np.array([x[0], 2.0, x[1] * x[2]]),
    "array of rows": lambda x: np.array([x, x * x]),
    "array of lists": lambda x: np.array([[x[0], 1.0], [2.0, x[1]]]),
    "array with axes": lambda x: np.array(x, ndmin=3),
    "array in Fortran order": lambda x: np.array([x, x], order="F"),
    "asarray": lambda x: np.asarray([x[3], x[0]]),
    "asfortranarray": lambda x: np.asfortranarray([x, x]),
    "ascontiguousarray": lambda x: np.ascontiguousarray(np.asfortranarray([x, x]).T),
    "full": lambda x: np.full((2, 3), x[1] * x[1]),
    "full of rows": lambda x: np.full((2, 4), x),
    "full_like": lambda x: np.full_like(x, x[2]),
    "linspace": lambda x: np.linspace(x[0], x[1], 5),
    "logspace": lambda x: np.logspace(x[0], 1.0, 3, base=x[1]),
    "geomspace": lambda x: np.geomspace(x[0], x, 3),
    "sum of a list": lambda x: np.sum([x[0], x[1] * x[2], 1.0]),
    "mean of nested lists": lambda x: np.mean([[x[0], x[1]], [x[2], x[3]]], axis=0),
    "stack": lambda x: np.stack([x[0], x[1] ** 2]),
    "stack of rows": lambda x: np.stack([x, 2.0 * x], axis=1),
    "hstack": lambda x: np.hstack([x[1:], x[0], [x[2], 1.0]]),
    "vstack": lambda x: np.vstack([x[0] * x[1], x[2]]),
    "column_stack": lambda x: np.column_stack([x, x * x, X]),
    "concatenate": lambda x: np.concatenate([[x[0], x[1]], X]),
    "block": lambda x: np.block([[x[0], x[1]], [x[2] * x[0], 1.0]]),
    "where": lambda x: np.where([True, False], [x[0], x[1]], 0.0),
    "select with a default": lambda x: np.select([X > 1.0], [X], x[0]),
    "pad with a constant": lambda x: np.pad(X, 1, constant_values=x[1]),
    "dot": lambda x: np.sum(np.array([x[0], x[1]]) * np.array([x[2], x[3]])),
    "reshape": lambda x: np.reshape([x[0], x[1], x[2], x[3]], (2, 2)),
    "maximum.reduce": np.maximum.reduce,
    "sin": lambda x: np.sin(x) * np.pi,
    "median": lambda x: np.median([x[0], x[1], x[2]]),
}  # fmt: skip


@pytest.mark.parametrize("f", HOLDING.values(), ids=HOLDING)
def test_list_that_holds_traced_values(f):
    def total(x):
        y = f(x)
        return np.sum(y * y * numpy.cos(numpy.arange(np.size(y))).reshape(np.shape(y)))

    assert np.shape(f(X)) == np.shape(tapead.vjp(f, X)[0])
    check(total, X)


def test_loop_that_fills_an_array():
    """A recurrence, once by index and once without arrays."""

    def filled(x):
        z = np.zeros((5, 4))
        z[0] = x
        for i in range(1, 5):
            z[i, 0] = np.sin(z[i - 1, 3])
            for j in range(1, 4):
                z[i, j] = z[i - 1, j] * z[i, j - 1] + 0.1
        return z[4, 3]

    def unrolled(x):
        row = list(x)
        for _ in range(4):
            new = [tapead.sin(row[3])]
            for j in range(1, 4):
                new.append(row[j] * new[j - 1] + 0.1)
            row = new
        return row[3]

    numpy.testing.assert_allclose(tapead.grad(filled)(X), tapead.grad(unrolled)(X), rtol=1e-14)
    check(filled, X)


def test_created_array_in_a_nested_derivative():
    def f(x):
        z = np.zeros(3)
        z[0] = x
        z[1] = z[0] * z[0]
        z[2] = z[1] * z[0]
        return z[2] + z[1]

    assert tapead.grad(tapead.grad(f))(2.0) == 14.0
    assert tapead.grad(tapead.grad(tapead.grad(f)))(2.0) == 6.0


def test_created_array_in_a_program():
    def f(x):
        z = np.zeros(3)
        z[0] = x[0] * x[1]
        z[1:] = x[2] * z[0]
        return np.sum(z * np.linspace(1.0, 2.0, 3)) + np.sum(np.array([x[1], z[1] ** 2]))

    program = tapead.record(f, X[:3])
    other = X[1:]
    numpy.testing.assert_allclose(program(other), f(other), rtol=1e-15)
    numpy.testing.assert_allclose(program.gradient()(other), tapead.grad(f)(other), rtol=1e-14)


def test_like_makes_a_traced_array():
    def f(x):
        z = numpy.zeros(2, like=x)
        z[:] = numpy.array([x[0], x[1] * x[2]], like=x)
        return numpy.sum(z)

    numpy.testing.assert_allclose(tapead.grad(f)(X), [1.0, X[2], X[1], 0.0])


def test_names_are_numpy_s():
    wrapped = {name for name in numpy.__all__ if getattr(np, name) is not getattr(numpy, name)}
    for name in wrapped:
        theirs = getattr(numpy, name)
        assert theirs in FUNCTIONS
        assert getattr(np, name).__name__ == theirs.__name__
        assert getattr(np, name).__doc__ == theirs.__doc__
    assert {"sum", "zeros", "stack"} <= wrapped
    assert not {"sin", "pi", "float64", "ndarray", "newaxis", "errstate", "linalg"} & wrapped


def test_name_is_looked_up_once():
    assert np.sum is np.sum


def test_namespace_is_numpy_s():
    assert dir(np) == sorted(dir(numpy))
    assert sys.modules["numpy"] is numpy is not np


@pytest.mark.parametrize("name", ["no_such_name", "_core", "__path__"])
def test_name_that_is_not_there(name):
    with pytest.raises(AttributeError, match=name):
        getattr(np, name)
