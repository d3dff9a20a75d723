"""One tape per thread; what another thread or process may and may not touch."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tapead
from tapead import Tape, TapeError

N_THREADS = 4


def in_thread(call):
    """What `call` returns, or raises, in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(timeout=20)


def together(calls):
    """Results of `calls`, started at the same moment in threads of their own."""
    barrier = threading.Barrier(len(calls))

    def start(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(timeout=30) for future in [pool.submit(start, c) for c in calls]]


def test_threads_record_each_on_its_own_tape():
    def work(k):
        for i in range(300):
            with Tape() as tape:
                x = tape.variable(float(k))
                y = x * x + i
                assert tape.gradient(y, x) == 2.0 * k
        return True

    assert all(together([lambda k=k: work(k) for k in range(N_THREADS)]))


def test_threads_transform_at_the_same_time():
    def f(x):
        return tapead.sin(x[0]) * x[1] ** 3

    x = np.array([0.5, 2.0])
    wanted = tapead.hessian(f)(x)

    def work():
        return all(np.array_equal(tapead.hessian(f)(x), wanted) for _ in range(200))

    assert all(together([work] * N_THREADS))


def test_long_sweeps_run_at_the_same_time():
    """They hold no lock, and each has its own adjoints."""

    def work(factor):
        with Tape() as tape:
            y = x = tape.variable(1.0)
            for _ in range(200_000):
                y = -y
            y = y * factor
        return [tape.gradient(y, x) for _ in range(20)] == [factor] * 20

    assert all(together([lambda k=k: work(float(k)) for k in range(1, N_THREADS + 1)]))


def test_new_thread_has_no_active_tape():
    with Tape() as tape:
        x = tape.variable(1.0)

        def work():
            with pytest.raises(TapeError, match="no tape is recording"):
                x + 1.0
            return tapead.grad(tapead.square)(3.0)

        assert in_thread(work) == 6.0
        assert tape.gradient(x + 1.0, x) == 1.0


ON_ANOTHER_THREAD = {
    "enter": lambda tape, x: tape.__enter__(),
    "variable": lambda tape, x: tape.variable(1.0),
    "rewind": lambda tape, x: tape.rewind(0),
    "clear": lambda tape, x: tape.clear(),
    "gradient": lambda tape, x: tape.gradient(x, x),
    "pushforward": lambda tape, x: tape.pushforward(x, x),
    "exit": lambda tape, x: tape.__exit__(None, None, None),
}


@pytest.mark.parametrize("action", ON_ANOTHER_THREAD)
def test_active_tape_is_refused_to_another_thread(action):
    with Tape() as tape:
        x = tape.variable(2.0)

        def work():
            with pytest.raises(TapeError, match="thread"):
                ON_ANOTHER_THREAD[action](tape, x)

        in_thread(work)
        assert tape.gradient(x * x, x) == 4.0


def test_tape_moves_to_another_thread_once_it_is_left():
    with Tape() as tape:
        x = tape.variable(2.0)
        y = x * x

    def work():
        with tape:
            return tape.gradient(y * x, x)

    assert in_thread(work) == 12.0


def long_chain(n=3_000_000):
    def f(x):
        for _ in range(n):
            x = -x
        return x

    return f


def attempts(call, seeds):
    """`call` for every seed in turn; True where it was right or refused."""

    def one(seed):
        try:
            return call(seed) == seed
        except TapeError:
            return True

    return [one(seed) for seed in seeds]


def test_sweeps_of_one_tape_in_two_threads_are_right_or_refused():
    with Tape() as tape:
        x = tape.variable(1.0)
        y = long_chain()(x)
    results = together(
        [lambda k=k: attempts(lambda seed: tape.gradient(y, x, seed), [k] * 8) for k in (1.0, 2.0)]
    )
    assert all(map(all, results))


def test_one_pullback_in_two_threads_is_right_or_refused():
    _, pullback = tapead.vjp(long_chain(), 1.0)
    results = together(
        [lambda k=k: attempts(lambda seed: pullback(seed)[0], [k] * 8) for k in (1.0, 2.0)]
    )
    assert all(map(all, results))


def test_pullback_moves_to_another_thread():
    _, pullback = tapead.vjp(tapead.square, 3.0)
    assert in_thread(lambda: pullback(2.0)) == (12.0,)


def test_thread_that_ends_with_an_active_tape_harms_nobody():
    in_thread(lambda: Tape().__enter__() and None)
    assert tapead.grad(tapead.square)(3.0) == 6.0


def forked(call):
    """Whether `call` is true in a forked child."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if call() else 1)
        except BaseException:  # noqa: BLE001 - a child of pytest must not go on
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


# the interpreter warns of threads that other tests may have left: none of them is ours
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestFork:
    """A forked child goes on where its parent was."""

    def test_child_differentiates(self):
        assert forked(lambda: tapead.grad(tapead.grad(tapead.sin))(0.0) == 0.0)
        assert tapead.grad(tapead.sin)(0.0) == 1.0

    def test_child_goes_on_with_the_parent_s_recording(self):
        with Tape() as tape:
            x = tape.variable(3.0)
            y = x * x
            assert forked(lambda: tape.gradient(y * x, x) == 27.0)
            assert tape.gradient(y, x) == 6.0

    def test_child_of_a_function_under_a_transform_differentiates(self):
        def f(x):
            assert forked(lambda: tapead.grad(tapead.square)(2.0) == 4.0)
            return x * x

        assert tapead.grad(f)(5.0) == 10.0
