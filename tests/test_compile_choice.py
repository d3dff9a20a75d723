"""What `compile` and `record` keep as numbers and what as arrays."""

import threading

import numpy as np
import pytest

import tapead
from tapead import _array_program


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def largest():
    tapead.record(lambda x: np.max(x, axis=0).sum(), np.ones((3, 2)), arrays=False)


def test_maxima_taken_in_another_thread_do_not_count():
    def squares(x):
        if is_first:
            in_a_thread(largest)
        return np.sum(x**2)

    is_first = True
    compiled = tapead.compile(squares)
    assert compiled(np.ones(3)) == 3.0
    is_first = False
    assert compiled.stats()["paths"] == 1  # of numbers


def test_maxima_of_its_own_make_it_arrays():
    compiled = tapead.compile(lambda x: np.max(x, axis=0).sum())
    assert tapead.grad(compiled)(np.ones((4, 1))).tolist() == [[0.25]] * 4


def by_elements(x):
    total = 0.0
    for v in x.tolist():
        total = total + v * v
    return total


def test_elements_that_are_but_read_are_numbers_and_nothing_is_planned_for_arrays(monkeypatch):
    monkeypatch.delattr(_array_program, "frozen")
    x = np.linspace(0.1, 1.0, 300)
    program = tapead.record(by_elements, x)
    assert type(program) is tapead.Program
    compiled = tapead.compile(by_elements)
    for f in (program, compiled):
        assert f(x) == by_elements(x)
        np.testing.assert_array_equal(tapead.grad(f)(x), 2.0 * x)


@pytest.mark.parametrize("n", [3, 300])
def test_elements_of_single_precision_that_are_but_read_stay_so(n):
    x = np.linspace(0.1, 1.0, n, dtype=np.float32)
    for f in (tapead.record(by_elements, x), tapead.compile(by_elements)):
        assert f(x) == pytest.approx(by_elements(x), rel=1e-6)
        gradient = tapead.grad(f)(x)
        assert gradient.dtype == np.float32
        np.testing.assert_array_equal(gradient, 2.0 * x)
