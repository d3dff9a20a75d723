"""Limits: memory that is honoured and given back, chains of any length, Ctrl-C."""

import collections
import gc
import resource
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapead
from tapead import Tape, TapeError, TapeMemoryError


def fill(tape, n=10**9):
    """Record up to n inputs; how many there was room for."""
    for i in range(n):
        try:
            tape.variable(float(i))
        except TapeMemoryError:
            return i
    return n


@given(limit=st.integers(128, 20_000), rewinds=st.integers(0, 30))
def test_max_bytes_is_never_exceeded(limit, rewinds):
    tape = Tape(max_bytes=limit)
    assert tape.max_bytes == limit
    n = fill(tape)
    assert n >= limit // 48 - 1
    assert tape.nbytes <= limit
    for i in range(rewinds):
        try:
            tape.rewind(max(n - 2 * i, 0))
            tape.variable(1.0)
        except TapeMemoryError:
            pass
        assert tape.nbytes <= limit


@given(limit=st.integers(400, 20_000))
def test_recording_stays_valid_at_the_limit(limit):
    with Tape(max_bytes=limit) as tape:
        y = x = tape.variable(1.0)
        n = 0
        with pytest.raises(TapeMemoryError, match=f"max_bytes={limit}"):  # noqa: PT012
            while True:
                y = y * 2.0
                n += 1
        assert len(tape) == n + 1
        for _ in range(3):
            with pytest.raises(TapeMemoryError):
                y * 2.0
        assert y.value == 2.0**n
        tape.rewind(len(tape) // 3)
        y = x * x
    assert tape.gradient(y, x) == 2.0
    assert tape.nbytes <= limit


def test_room_for_a_sweep_is_kept_free():
    tape = Tape(max_bytes=100_000)
    n = fill(tape)
    tape.rewind(0)
    with tape:
        y = x = tape.variable(1.0)
        for _ in range(n - 1):
            y = -y
        with pytest.raises(TapeMemoryError):
            y + 1.0
    assert tape.gradient(y, x) == (-1.0) ** (n - 1)
    assert tape.nbytes <= 100_000


@pytest.mark.parametrize("limit", [0, -1, 127, 1e6, True, "1000"], ids=repr)
def test_max_bytes_says_what_it_wanted(limit):
    with pytest.raises((ValueError, TypeError), match=r"max_bytes.*at least 128; got"):
        Tape(max_bytes=limit)


def test_no_limit_is_none():
    assert Tape().max_bytes is None


@pytest.mark.parametrize("n", [100_000, 1_000_000])
def test_recorded_operation_takes_at_most_48_bytes(n):
    """Nodes and one sweep's adjoints together."""
    with Tape() as tape:
        y = x = tape.variable(1.0)
        for _ in range(n):
            y = y + 1.0
    assert tape.nbytes <= 48 * n
    tape.gradient(y, x)
    assert tape.nbytes <= 48 * n


N_CHAIN = 10_000_000


@pytest.fixture(scope="module")
def chain():
    """A tape of 10^7 operations one after the other, its input and its result."""
    with Tape() as tape:
        y = x = tape.variable(1.0)
        for _ in range(N_CHAIN):
            y = -y
    return tape, x, y


def test_chain_of_ten_million_operations(chain):
    """Records, sweeps both ways: nothing recurses."""
    tape, x, y = chain
    assert len(tape) == N_CHAIN + 1
    assert tape.gradient(y, x) == 1.0
    assert tape.pushforward(y, x) == 1.0
    assert tape.nbytes <= 48 * N_CHAIN


def test_chain_under_a_transform_of_a_transform():
    """A recorded sweep does not recurse either."""

    def f(x):
        for _ in range(200_000):
            x = x + 1.0
        return x * x

    assert tapead.grad(tapead.grad(f))(1.0) == 2.0
    assert tapead.derivative(f, 2)(1.0) == 2.0


def use_everything(x):
    """A recording of each kind."""
    with Tape() as tape:
        t = tape.variable(x)
        tape.gradient(tapead.sin(t) * t, t)
        mark = tape.mark()
        tape.pushforward(t * 2.0, t)
        tape.rewind(mark)
    tapead.grad(lambda t: t * tapead.exp(t))(x)
    _, pullback = tapead.vjp(lambda t: [t, t * t], x)
    pullback([1.0, 1.0])


def resident():
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def growth(repeat, n):
    """Bytes and allocated blocks that n repetitions leave behind after a warm-up."""
    repeat(n // 10)
    gc.collect()
    before = resident(), sys.getallocatedblocks()
    repeat(n)
    gc.collect()
    after = resident(), sys.getallocatedblocks()
    return [b - a for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    "n", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["100k", "1M"]
)
def test_recordings_leak_nothing(n):
    def repeat(n):
        for i in range(n):
            use_everything(0.5 + i / n)

    n_bytes, n_blocks = growth(repeat, n)
    assert n_bytes < 1 << 20  # less than 11 bytes each; the allocator's own wobble is 300 kB
    assert n_blocks < 100


def fail(x):
    """Errors in every place where one may happen, all caught."""
    for call in (
        lambda: tapead.grad(lambda t: t.missing)(x),
        lambda: tapead.grad(lambda t: [t])(x),
        lambda: tapead.grad(tapead.sin)("x"),
        lambda: tapead.grad(lambda t: tapead.grad(lambda u: u * t + None)(x))(x),
        lambda: tapead.jvp(tapead.sin, (x,), (x, x)),
        lambda: tapead.vjp(tapead.sin, x)[1]([x]),
        lambda: Tape().gradient(None, []),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            call()


def test_failed_recordings_leak_nothing():
    def repeat(n):
        for _ in range(n):
            fail(1.0)

    n_bytes, n_blocks = growth(repeat, 5000)
    assert n_bytes < 1 << 20
    assert n_blocks < 100


def test_large_tape_gives_its_memory_back():
    def record(n):
        for _ in range(n):
            with Tape() as tape:
                y = tape.variable(1.0)
                for _ in range(300_000):
                    y = -y

    n_bytes, _ = growth(record, 10)
    assert n_bytes < 20 << 20  # one such tape is 10 MB


# -- Ctrl-C ----------------------------------------------------------------------------------


@pytest.fixture
def alarm():
    """``alarm(handler, seconds)`` calls the handler once, wherever the main thread then is."""
    previous = signal.getsignal(signal.SIGALRM)

    def start(handler, seconds):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


def interrupt(signum, frame):
    raise KeyboardInterrupt


@pytest.mark.parametrize("sweep", ["gradient", "pushforward"])
def test_interrupt_in_a_long_sweep_ends_it(chain, alarm, sweep):
    tape, x, y = chain
    run = getattr(tape, sweep)
    ended = []

    def start():
        """A call made by C: handlers run there only if the sweep itself looks for signals."""
        alarm(interrupt, 0.002)
        collections.deque(map(ended.append, map(run, [y], [x])), maxlen=0)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert not ended
    assert run(y, x) == 1.0


def alternating(n, then=lambda: None):
    """x, with n operations on the way; `then` is called at the end of the recording."""

    def f(x):
        for _ in range(n):
            x = -x
        then()
        return x

    return f


LONG = {
    "grad": lambda f: tapead.grad(f)(2.0),
    "jvp": lambda f: tapead.jvp(f, (2.0,), (1.0,))[1],
    "jacrev": lambda f: tapead.jacrev(lambda x: [f(x)])(2.0)[0],
    "jacfwd": lambda f: tapead.jacfwd(lambda x: [f(x)])(2.0)[0],
    "recorded reverse": lambda f: tapead.grad(lambda x: x * tapead.grad(f)(x))(2.0),
    "recorded forward": lambda f: tapead.grad(lambda x: x * tapead.jvp(f, (x,), (1.0,))[1])(2.0),
}


@pytest.mark.parametrize("transform", LONG)
def test_interrupt_in_a_long_transform_leaves_nothing_behind(alarm, transform):
    f = alternating(3_000_000, lambda: alarm(interrupt, 0.002))
    with pytest.raises(KeyboardInterrupt):
        LONG[transform](f)
    assert LONG[transform](alternating(10)) == 1.0


@pytest.mark.parametrize("transform", LONG)
def test_signal_handler_may_differentiate(alarm, transform):
    """Python runs handlers in the middle of a sweep: theirs must not disturb it.

    The adjoints, 36 MB, come from mmap: touched after they were freed they crash.
    """
    seen = []

    def handler(signum, frame):
        try:
            seen.append(tapead.grad(alternating(100_000))(3.0))
        except TapeError as error:
            seen.append(error)

    f = alternating(4_500_000, lambda: alarm(handler, 0.002))
    assert LONG[transform](f) == 1.0
    assert seen == [1.0] or isinstance(seen[0], TapeError)


def test_control_c_in_another_process():
    """SIGINT from outside, while the process does nothing but sweep."""
    script = textwrap.dedent("""
        import signal
        import tapead
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
        with tapead.Tape() as tape:
            y = x = tape.variable(1.0)
            for _ in range(2_000_000):
                y = -y
        try:
            print("ready", flush=True)
            while True:
                tape.gradient(y, x)
        except KeyboardInterrupt:
            print(tape.gradient(y, x), tapead.grad(tapead.square)(3.0))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (out, err, process.returncode) == ("1.0 6.0\n", "", 0)
