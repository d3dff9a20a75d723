"""The pool of threads (plain C, `_threads.h`), compiled on its own into a small library."""

import ctypes
import os
import shlex
import subprocess
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tapead

HARNESS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int refused, created;

static int create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *with)
{
    if (atomic_load(&refused))
        return EAGAIN;
    atomic_fetch_add(&created, 1);
    return pthread_create(thread, how, run, with);
}

#define pthread_create create
#include "_threads.h"
#undef pthread_create

void refuse(int value) { atomic_store(&refused, value); }
int n_created(void) { return atomic_load(&created); }

typedef struct {
    atomic_int *runs, *in_use, n_faults, n_runs, n_inside;
    int n_threads, microseconds;
    int64_t last;
    pthread_t caller;
    volatile int *stop;
} Region;

static void rest(void) { usleep(50); }

/* faults: a chunk not run once, a worker out of range, a number in use twice at a time */
static void count(void *context, int64_t chunk, int worker)
{
    Region *region = context;
    if (worker < 0 || worker >= region->n_threads
        || atomic_fetch_add(&region->in_use[worker], 1) != 0) {
        atomic_fetch_add(&region->n_faults, 1);
        return;
    }
    if ((worker == 0) != (pthread_equal(region->caller, pthread_self()) != 0))
        atomic_fetch_add(&region->n_faults, 1);
    atomic_fetch_add(&region->runs[chunk], 1);
    if (region->microseconds)
        usleep(region->microseconds);
    atomic_fetch_sub(&region->in_use[worker], 1);
}

int n_faults(int64_t n_chunks, int n_threads, int microseconds)
{
    Region region = {.n_threads = n_threads < 1 ? 1 : n_threads, .microseconds = microseconds,
                     .caller = pthread_self()};
    region.runs = calloc(n_chunks > 0 ? n_chunks : 1, sizeof *region.runs);
    region.in_use = calloc(region.n_threads, sizeof *region.in_use);
    tapead_parallel(count, &region, n_chunks, n_threads, 0);
    for (int64_t chunk = 0; chunk < n_chunks; chunk++)
        region.n_faults += region.runs[chunk] != 1;
    free(region.runs);
    free(region.in_use);
    return region.n_faults;
}

int n_faults_of_many(int n_regions, int64_t n_chunks, int n_threads)
{
    int found = 0;
    for (int i = 0; i < n_regions; i++)
        found += n_faults(n_chunks, n_threads, 0);
    return found;
}

/* as many chunks as threads, none of which ends before all have begun (or 5 s are over) */
static void meet(void *context, int64_t chunk, int worker)
{
    Region *region = context;
    sigset_t blocked;
    (void)chunk;
    atomic_fetch_add(&region->n_inside, 1);
    for (int i = 0; i < 100000 && atomic_load(&region->n_inside) < region->n_threads; i++)
        rest();
    pthread_sigmask(SIG_SETMASK, 0, &blocked);
    if (worker && !(sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGALRM)
                    && !sigismember(&blocked, SIGSEGV)))
        atomic_fetch_add(&region->n_faults, 1);
    atomic_fetch_add(&region->n_runs, atomic_load(&region->n_inside) == region->n_threads);
}

int meets(int n_threads)
{
    Region region = {.n_threads = n_threads};
    tapead_parallel(meet, &region, n_threads, n_threads, 0);
    return region.n_runs == n_threads && region.n_faults == 0;
}

static void nest(void *context, int64_t chunk, int worker)
{
    Region *region = context;
    (void)chunk, (void)worker;
    int found = 0;
    Region inner = {.n_threads = 1, .caller = pthread_self()};
    atomic_int runs[5] = {0}, in_use[1] = {0};
    inner.runs = runs, inner.in_use = in_use;
    tapead_parallel(count, &inner, 5, 3, 0);
    for (int i = 0; i < 5; i++)
        found += runs[i] != 1;
    atomic_fetch_add(&region->n_faults, found + inner.n_faults);
}

int n_faults_nested(int64_t n_chunks, int n_threads)
{
    Region region = {0};
    tapead_parallel(nest, &region, n_chunks, n_threads, 0);
    return region.n_faults;
}

/* chunk `last` sets the flag, and those after it wait for that */
static void run_to_last(void *context, int64_t chunk, int worker)
{
    Region *region = context;
    (void)worker;
    atomic_fetch_add(&region->n_runs, 1);
    if (chunk == region->last)
        __atomic_store_n(region->stop, 1, __ATOMIC_RELAXED);
    while (chunk > region->last && !__atomic_load_n(region->stop, __ATOMIC_RELAXED))
        rest();
}

int n_runs_to_last(int64_t n_chunks, int n_threads, int64_t last)
{
    volatile int stop = last < 0;
    Region region = {.last = last, .stop = &stop};
    tapead_parallel(run_to_last, &region, n_chunks, n_threads, &stop);
    return region.n_runs;
}

static void sleep_a_little(void *context, int64_t chunk, int worker)
{
    (void)context, (void)chunk, (void)worker;
    usleep(500);
}

void long_region(int n_threads, volatile int *stop)
{
    tapead_parallel(sleep_a_little, 0, INT64_C(1) << 40, n_threads, stop);
}
"""

FORKS = """
import ctypes, os, signal, sys, threading, time
pool = ctypes.CDLL(sys.argv[1])

def child_meets(depth=0):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        meets = pool.meets(3) and pool.meets(2) and pool.n_faults(100, 3, 0) == 0
        os._exit(0 if meets and (depth == 0 or child_meets(depth - 1)) else 1)
    return os.waitpid(pid, 0)[1] == 0

def used(depth):
    return pool.meets(3) and child_meets(depth) and pool.meets(3)

def asleep():
    pool.meets(3)
    time.sleep(0.05)
    return child_meets() and pool.meets(3)

def busy():
    stop = ctypes.c_int(0)
    thread = threading.Thread(target=pool.long_region, args=(3, ctypes.byref(stop)))
    thread.start()
    time.sleep(0.02)
    done = all(child_meets() for _ in range(5))
    stop.value = 1
    thread.join(10)
    return done and not thread.is_alive() and pool.meets(3)

def storm():
    done = threading.Event()
    def regions():
        while not done.is_set():
            pool.n_faults_of_many(50, 4, 3)
    thread = threading.Thread(target=regions)
    thread.start()
    met = all(child_meets() for _ in range(40))
    done.set()
    thread.join(10)
    return met and not thread.is_alive()

sys.exit(0 if eval(sys.argv[2]) else 1)
"""

EXIT = """
import ctypes, sys, threading, time
pool = ctypes.CDLL(sys.argv[1])
assert pool.meets(3)
stop = ctypes.c_int(0)
threading.Thread(target=pool.long_region, args=(3, ctypes.byref(stop)), daemon=True).start()
time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Path of the compiled harness."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "")
    folder = tmp_path_factory.mktemp("pool")
    source, target = folder / "harness.c", folder / "harness.so"
    source.write_text(HARNESS, encoding="utf-8")
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-pthread"]
    flags += shlex.split(os.environ.get("TAPEAD_CFLAGS", ""))  # sanitizers
    include = f"-I{Path(tapead.__file__).parent}"
    try:
        command = [*compiler, *flags, include, str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except (OSError, IndexError):
        pytest.skip("no C compiler")
    assert done.returncode == 0, done.stderr
    return str(target)


@pytest.fixture(scope="module")
def pool(library):
    """The harness; its calls hold no GIL."""
    loaded = ctypes.CDLL(library)
    loaded.n_faults.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_int]
    loaded.n_faults_nested.argtypes = [ctypes.c_int64, ctypes.c_int]
    loaded.n_faults_of_many.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int]
    loaded.n_runs_to_last.argtypes = [ctypes.c_int64, ctypes.c_int, ctypes.c_int64]
    return loaded


def run(script, *arguments):
    """Return code of a Python program in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    return subprocess.run(command, timeout=60, check=False).returncode


@pytest.mark.parametrize("n_threads", [-1, 0, 1, 2, 3, 4, 7, 16, 64])
@pytest.mark.parametrize("n_chunks", [-1, 0, 1, 2, 3, 5, 16, 1000])
def test_every_chunk_runs_once(pool, n_chunks, n_threads):
    assert pool.n_faults(n_chunks, n_threads, 0) == 0


@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_every_chunk_runs_once_where_each_takes_a_while(pool, n_threads):
    assert pool.n_faults(50, n_threads, 200) == 0


@pytest.mark.parametrize("n_threads", [1, 2, 3, 5, 16])
def test_threads_work_at_the_same_time_and_leave_signals_alone(pool, n_threads):
    assert pool.meets(n_threads)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_workers_that_fell_asleep_wake(pool, n_threads):
    for _ in range(20):
        time.sleep(0.002)
        assert pool.meets(n_threads)


@pytest.mark.parametrize(("n_chunks", "n_threads"), [(2, 2), (3, 2), (4, 3), (40, 4)])
def test_quick_regions_follow_each_other(pool, n_chunks, n_threads):
    assert pool.n_faults_of_many(10_000, n_chunks, n_threads) == 0


def test_threads_are_made_once(pool):
    pool.n_faults(100, 8, 0)
    before = pool.n_created()
    pool.n_faults_of_many(100, 8, 8)
    assert pool.n_created() == before


@pytest.mark.parametrize("n_callers", [2, 4])
def test_callers_at_the_same_time_do_not_meet(pool, n_callers):
    barrier = threading.Barrier(n_callers)

    def call():
        barrier.wait()
        return sum(pool.n_faults_of_many(20, 10, 3) for _ in range(100))

    with ThreadPoolExecutor(n_callers) as callers:
        futures = [callers.submit(call) for _ in range(n_callers)]
        assert [future.result(timeout=30) for future in futures] == [0] * n_callers


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_nested_region_runs_in_its_caller(pool, n_threads):
    assert sum(pool.n_faults_nested(20, n_threads) for _ in range(50)) == 0


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("last", [0, 1, 10])
def test_stop_lets_no_further_chunk_start(pool, n_threads, last):
    n_runs = pool.n_runs_to_last(10_000, n_threads, last)
    assert last + 1 <= n_runs <= last + n_threads


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_stop_set_before_runs_nothing(pool, n_threads):
    assert pool.n_runs_to_last(100, n_threads, -1) == 0


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_stop_set_by_another_thread_ends_the_region(pool, n_threads):
    stop = ctypes.c_int(0)
    with ThreadPoolExecutor(1) as caller:
        future = caller.submit(pool.long_region, n_threads, ctypes.byref(stop))
        time.sleep(0.01)
        assert not future.done()
        stop.value = 1
        future.result(timeout=10)
    assert pool.meets(n_threads)


def test_without_threads_the_caller_does_the_work(library):
    script = (
        "import ctypes, sys; pool = ctypes.CDLL(sys.argv[1]); pool.refuse(1)\n"
        "assert pool.n_faults(100, 4, 0) == 0 and pool.n_created() == 0\n"
        "pool.refuse(0)\n"
        "assert pool.meets(4) and pool.n_created() == 3"
    )
    assert run(script, library) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    "case",
    ["child_meets()", "child_meets(2)", "used(0)", "used(2)", "asleep()", "busy()", "storm()"],
)
def test_forked_child_makes_its_own_threads(library, case):
    assert run(FORKS, library, case) == 0


def test_interpreter_exits_in_the_midst_of_a_region(library):
    assert run(EXIT, library) == 0
