"""What `compile` keeps as numbers and what as arrays does not depend on other threads."""

import threading

import numpy as np

import tapead


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
