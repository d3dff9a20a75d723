"""Guards of order and selection: by Python over lists, by NumPy over arrays."""

import itertools

import numpy as np
import pytest
from branches import same

import tapead


@pytest.mark.parametrize("function", [max, min, sorted, lambda xs: sorted(xs, reverse=True)])
def test_order_taken_by_python_is_a_guard(function):
    def f(xs):
        found = function(xs)
        return found[0] * found[1] * 2.0 + found[2] if isinstance(found, list) else found * 2.0

    program = tapead.record(f, [3.0, 1.0, 2.0])
    for xs in map(list, itertools.product([3.0, 1.0, 2.0, 2.5], repeat=3)):
        try:
            found = program.value_and_grad(xs)
        except tapead.BranchChanged:
            assert len(set(xs)) < 3 or np.argsort(xs).tolist() != [1, 2, 0]
            continue
        same(found, tapead.value_and_grad(f)(xs))


ARRAYS = {
    "np.less": lambda x: np.less(x, 1.0),
    "x > y": lambda x: x > x[::-1],
    "mask": lambda x: x >= 0.5,
    "isnan": np.isnan,
    "float32": lambda x: x < np.float32(0.3),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_look_at_an_array_is_a_guard_of_every_element(name):
    look = ARRAYS[name]

    def f(x):
        return np.sum(np.where(look(x), x * x, -x))

    at = np.array([0.25, 2.0, -1.0])
    program = tapead.record(f, at)
    rng = np.random.default_rng(0)
    points = [at, *rng.uniform(-2, 3, (50, 3)), np.array([np.nan, 2.0, -1.0])]
    replayed = 0
    for x in points:
        alike = np.array_equal(look(x), look(at))
        try:
            found = program.value_and_grad(x)
        except tapead.BranchChanged:
            assert not (alike and name != "float32")
            continue
        replayed += 1
        assert alike
        same(found, tapead.value_and_grad(f)(x))
    assert replayed


@pytest.mark.parametrize("function", [np.max, np.min, np.sort, np.argmax, np.argsort, np.median])
def test_selection_by_numpy_is_right_or_refused(function):
    def f(x):
        found = function(x)
        if found.__class__ is np.ndarray or np.ndim(found):
            picked = x[found] if function is np.argsort else found
            return np.sum(picked * np.arange(1.0, 4.0))
        return x[found] * 2.0 if function is np.argmax else found * 2.0

    program = tapead.record(f, np.array([3.0, 1.0, 2.0]))
    for x in np.random.default_rng(0).integers(0, 4, (64, 3)).astype(float):
        if function in (np.max, np.min) and np.unique(x).size < 3:
            continue  # element by element a tie is split by pairs
        try:
            found = program.value_and_grad(x)
        except tapead.BranchChanged:
            continue
        same(found, tapead.value_and_grad(f)(x))


@pytest.mark.parametrize("kind", [np.float64])  # element by element all numbers are double
def test_comparison_is_that_of_numpy(kind):

    def f(x):
        return np.sum(np.where(x == 0.1, 1.0, 2.0) * x)

    at = np.array([0.1, 0.2], kind)
    program = tapead.record(f, at)
    same(program(at), tapead.vjp(f, at)[0])
    for x in (np.array([0.1, 0.3], kind), np.array([0.3, 0.1], kind), at.astype(np.float64)):
        try:
            found = program(x)
        except tapead.BranchChanged:
            continue
        same(found, tapead.vjp(f, x)[0])
