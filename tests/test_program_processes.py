"""Programs in threads, other processes and files; long ones, and many."""

import collections
import copy
import gc
import importlib.util
import io
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from branches import same

import tapead

Point = collections.namedtuple("Point", "x y")
NO_JOBLIB = importlib.util.find_spec("joblib") is None
NO_FORK = "fork" not in multiprocessing.get_all_start_methods()


def f(x, y):
    """Long enough to let go of the GIL, with a comparison."""
    for _ in range(200):
        x = tapead.sin(x) + y * x * 0.01
    return x * y if y > 0 else x


def of_containers(p, d):
    return {"sum": p.x + d["a"], "point": Point(p.y * d["b"][0], 1.5), "n": 3}


def answers(program, seed):
    """Everything a program of f computes at a random point, the derivatives made anew."""
    x, y = np.random.default_rng(seed).uniform(0.1, 1.0, 2).tolist()
    return [
        program(x, y), program.grad(x, y), program.value_and_grad(x, y),
        program.hessian(x, y, argnums=(0, 1)), program.hvp((x, y), (1.0, 2.0)),
        program.jvp((x, y), (1.0, 2.0)), program.vjp(x, y)[1](2.0),
        program.jacobian(x, y, argnums=(0, 1)), program.gradient()(x, y),
    ]  # fmt: skip


def recorded(**options):
    return tapead.record(f, 0.5, 0.5, argnums=(0, 1), **options)


@pytest.fixture(scope="module")
def expected():
    return [answers(recorded(), seed) for seed in range(24)]


# -- threads


@pytest.mark.parametrize("fresh", [True, False], ids=["first use", "used before"])
def test_program_in_several_threads(fresh, expected):
    program = recorded()
    if not fresh:
        answers(program, 0)
    barrier = threading.Barrier(6)

    def work(k):
        barrier.wait()
        return [answers(program, (seed + k) % 24) for seed in range(24)]

    with ThreadPoolExecutor(6) as pool:
        for k, found in enumerate(pool.map(work, range(6))):
            same(found, expected[k:] + expected[:k])


def test_paths_recorded_in_several_threads(expected):
    for program in (recorded(on_branch="record"), tapead.compile(f, max_paths=2)):
        barrier = threading.Barrier(4)

        def work(k, program=program, barrier=barrier):
            barrier.wait()
            found = []
            for i in range(200):
                x, y = 0.1 + 0.01 * i, (0.5, -0.5)[(i + k) % 2]
                found.append((program(x, y), tapead.grad(program)(x, y)))
            return found

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(4)))
        for k in range(4):
            wanted = []
            for i in range(200):
                xs = 0.1 + 0.01 * i, (0.5, -0.5)[(i + k) % 2]
                wanted.append((tapead.vjp(f, *xs)[0], tapead.grad(f)(*xs)))
            same(found[k], wanted)


def test_branch_that_changes_in_one_thread_is_its_own():
    program = recorded()

    def work(k):
        told = 0
        for _ in range(300):
            try:
                program.grad(0.5, 0.5 if k % 2 else -0.5)
            except tapead.BranchChanged as error:
                told += error.values == (-0.5, 0.0)
        return told

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [300, 0, 300, 0]


# -- processes


def in_process(program, seed, queue):
    queue.put(answers(program, seed))


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_program_in_another_process(method, expected):
    context = multiprocessing.get_context(method)
    program = recorded()
    program.grad(0.5, 0.5)
    queue = context.Queue()
    child = context.Process(target=in_process, args=(program, 3, queue))
    child.start()
    same(queue.get(timeout=60), expected[3])
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.skipif(NO_FORK, reason="this system does not fork")
def test_fork_while_other_threads_replay(expected):
    program, stop = recorded(), threading.Event()

    def work():
        while not stop.is_set():
            program.grad(0.5, 0.5)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("fork")
    try:
        for seed in range(4):
            queue = context.Queue()
            child = context.Process(target=in_process, args=(program, seed, queue))
            child.start()
            same(queue.get(timeout=60), expected[seed])
            child.join(60)
            assert child.exitcode == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_program_in_a_pool_of_processes(expected):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        found = list(pool.map(answers, [recorded()] * 6, range(6)))
    same(found, expected[:6])


@pytest.mark.skipif(NO_JOBLIB, reason="joblib is not installed")
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_program_under_joblib(backend, expected):
    import joblib

    program = recorded()
    jobs = (joblib.delayed(answers)(program, seed) for seed in range(6))
    same(joblib.Parallel(2, backend=backend)(jobs), expected[:6])


# -- copies and files


def through_file(program, tmp_path):
    program.save(tmp_path / "program")
    return tapead.load(tmp_path / "program")


def through_text_path(program, tmp_path):
    program.save(os.fspath(tmp_path / "program"))
    return tapead.load(os.fspath(tmp_path / "program"))


def through_bytes(program, tmp_path):
    buffer = io.BytesIO()
    program.save(buffer)
    buffer.seek(0)
    return tapead.load(buffer)


COPIES = {
    "pickle": lambda program, _: pickle.loads(pickle.dumps(program)),
    "oldest pickle": lambda program, _: pickle.loads(pickle.dumps(program, 2)),
    "copy": lambda program, _: copy.copy(program),
    "deepcopy": lambda program, _: copy.deepcopy(program),
    "path": through_file,
    "text path": through_text_path,
    "bytes": through_bytes,
    "twice": lambda program, path: through_bytes(through_file(program, path), path),
}


@pytest.mark.parametrize("name", COPIES)
def test_copy_of_a_program_is_the_program(name, tmp_path, expected):
    program = recorded()
    again = COPIES[name](program, tmp_path)
    for seed in range(4):
        same(answers(again, seed), expected[seed])
    assert repr(again) == repr(program)
    assert str(again) == str(program)
    with pytest.raises(tapead.BranchChanged) as caught:
        again(0.5, -0.5)
    assert caught.value.filename == __file__
    same(COPIES[name](program.gradient(), tmp_path)(0.5, 0.5), program.grad(0.5, 0.5))


@pytest.mark.parametrize("name", [name for name in COPIES if "pickle" in name or "copy" in name])
def test_copy_keeps_containers(name, tmp_path):
    args = (Point(1.0, 2.0), {"a": 3.0, "b": [4.0]})
    program = tapead.record(of_containers, *args)
    again = COPIES[name](program, tmp_path)
    other = (Point(5.0, 6.0), {"a": 7.0, "b": [8.0]})
    same(again(*other), {"sum": 12.0, "point": Point(48.0, 1.5), "n": 3})
    same(again.jacobian(*other), program.jacobian(*other))


@pytest.mark.parametrize("case", ["list", "dict", "array", "float32", "statics", "aux", "keyword"])
def test_file_keeps_containers(case, tmp_path):
    program, args, kwargs = {
        "list": lambda: (tapead.record(lambda x: [x[1], [x[0]]], [1.0, 2.0]), ([3.0, 4.0],), {}),
        "dict": lambda: (
            tapead.record(lambda d: {"b": d["a"], "a": 1}, {"a": 1.0}), ({"a": 3.0},), {},
        ),
        "array": lambda: (
            tapead.record(lambda x: x * 2.0, np.ones((2, 3))), (np.arange(6.0).reshape(2, 3),), {},
        ),
        "float32": lambda: (
            tapead.record(lambda x: np.sum(x * x), np.ones(2, np.float32)),
            (np.array([0.1, 0.2], np.float32),), {},
        ),
        "statics": lambda: (
            tapead.record(lambda x, n, s, b: (x * n, s, b), 1.0, 3, "text", True),
            (2.0, 3, "text", True), {},
        ),
        "aux": lambda: (tapead.record(lambda x: (x * x, [x, 7]), 1.0, has_aux=True), (3.0,), {}),
        "keyword": lambda: (tapead.record(lambda x, *, a: x * a, 1.0, a=2.0), (3.0,), {"a": 4.0}),
    }[case]()  # fmt: skip
    again = through_file(program, tmp_path)
    same(again(*args, **kwargs), program(*args, **kwargs))
    ones = program.vjp(*args)[0] if not kwargs and case not in ("statics", "aux") else None
    if ones is not None:
        same(again.vjp(*args)[1](ones), program.vjp(*args)[1](ones))


def test_loaded_program_has_no_function():
    again = through_bytes(recorded(on_branch="record"), None)
    assert again.__wrapped__ is None
    with pytest.raises(tapead.BranchChanged):
        again(0.5, -0.5)


def test_container_that_a_file_cannot_hold_is_refused(tmp_path):
    program = tapead.record(of_containers, Point(1.0, 2.0), {"a": 3.0, "b": [4.0]})
    with pytest.raises(TypeError, match="Point"):
        program.save(tmp_path / "program")
    assert not (tmp_path / "program").exists()


# -- long programs, and many


def chain(n):
    """x -> x + n * 1e-9 * x, in n dependent steps."""

    def f(x):
        y = x
        for _ in range(n):
            y = y + x * 1e-9
        return y

    return f


def test_program_of_a_million_instructions():
    program = tapead.record(chain(500_000), 1.0)
    assert program.stats()["passes"][0] == ("recorded", 1_000_000)
    assert program(2.0) == pytest.approx(2.001, rel=1e-9)
    assert program.grad(2.0) == pytest.approx(1.0005, rel=1e-9)
    assert program.gradient()(2.0) == program.grad(2.0)
    again = pickle.loads(pickle.dumps(program))
    assert again(2.0) == program(2.0)
    # the program has x * 1e-9 once: 10^6 roundings of a sum in another order
    inlined = tapead.grad(lambda x: program(x * 1.0))(2.0)
    assert inlined == pytest.approx(program.grad(2.0), rel=1e-10)


def test_wide_instructions_where_slots_are_many():
    """More than 65535 values that live at once."""
    n = 70_000
    x = np.linspace(0.1, 1.0, n)

    def f(x):
        squares = [v * v for v in x.tolist()]
        total = 0.0
        for v in reversed(squares):
            total = total + tapead.sin(v)
        return total * squares[0]

    program = tapead.record(f, np.ones(n))
    assert program.stats()["slots"] > 65535
    same(program.value_and_grad(x), tapead.value_and_grad(f)(x))


MANY = """
import gc
import resource
import sys
import tapead

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def once(i):
    program = tapead.record(lambda x: [x * x * i, x] if x > 0 else [x], 1.0 + i)
    program(2.0)
    program.jacobian(2.0)
    try:
        program(-1.0)
    except tapead.BranchChanged:
        pass
    tapead.record(lambda x: tapead.sin(x) * i, 1.0).gradient().grad(2.0)
    fast = tapead.compile(lambda x: x * x if x > 0 else -x, max_paths=1)
    fast(1.0), fast(-1.0), tapead.hessian(fast)(1.0)

for i in range(1000):
    once(i)
gc.collect()
before = peak(), sys.getallocatedblocks()
for i in range(int(sys.argv[1])):
    once(i)
gc.collect()
print((peak() - before[0]) * 1024, sys.getallocatedblocks() - before[1])
"""


def test_many_records_do_not_leak():
    """4000 rounds; 2 MB is the allocator's, 500 bytes a round would be a leak, or one object."""
    command = [sys.executable, "-c", MANY, "4000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    n_bytes, n_blocks = map(int, done.stdout.split())
    assert n_bytes < 2e6
    assert n_blocks < 1000


def test_program_is_freed_with_its_last_reference():
    gc.collect()
    alive = []

    class Token:
        def __del__(self):
            alive.remove(id(self))

        def __call__(self, x):
            return x * x

    token = Token()
    alive.append(id(token))
    program = tapead.record(token, 1.0)
    fast = tapead.compile(token)
    fast(2.0), program.grad(2.0), program.vjp(2.0)[1](1.0)
    del token, program, fast
    gc.collect()
    assert not alive
