"""Program.map: points that leave the path, marks, special values, signals, threads."""

import io
import itertools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from coded import program as program_of
from codes import MARK, one_row
from hypothesis import given
from hypothesis import strategies as st
from mapped import as_tuple, drawn, rosenbrock, same
from programs import programs
from reference import row_id

import tapead
from tapead import _tape
from tapead.elementals import INSTRUCTIONS, OPCODES

# -- branches --------------------------------------------------------------------------------


class Counted:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


def sided(x):
    return x * x if x > 0.0 else -3.0 * x


def stairs(x):
    return x * (int(x) + 1)


def nested(x):
    if x[0] > 0.0:
        return x[0] * x[1] if x[1] > x[0] else x[0] - x[1]
    return x[0] / (1.0 + x[1] * x[1]) if x[1] * x[0] > 0.5 else x[1] * 2.0


@pytest.mark.parametrize("n", [1, 16, 64, 65, 1000])
@pytest.mark.parametrize("what", ["value", "grad", "value_and_grad", "hessian_diagonal"])
def test_points_that_leave_the_path_are_recorded_once(what, n):
    f = Counted(sided)
    program = tapead.record(f, 1.0)
    x = drawn(n, 1)[:, 0]
    x[0] = -1.0
    got = as_tuple(program.map(x, what=what))
    assert f.calls == 2
    wanted = {
        "value": np.where(x > 0, x * x, -3.0 * x),
        "grad": np.where(x > 0, 2.0 * x, -3.0),
        "hessian_diagonal": np.where(x > 0, 2.0, 0.0),
    }
    names = what.split("_and_") if what == "value_and_grad" else [what]
    assert all(same(part, wanted[name]) for part, name in zip(got, names, strict=True))
    program.map(x, what=what)
    assert f.calls == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_many_branches(threads):
    f = Counted(stairs)
    program = tapead.record(f, 0.5)
    x = np.random.default_rng(1).uniform(0, 40, 5000)
    got = program.map(x, threads=threads)
    assert same(got, x * (np.trunc(x) + 1))
    assert f.calls <= 41  # one path each; those that are not kept are recorded for this call only


def test_nested_branches_of_every_point_alone():
    x = 2.0 * drawn(3000, 2)
    program = tapead.record(nested, np.array([1.0, 2.0]))
    value, gradient = program.map(x, what="value_and_grad")
    each = tapead.record(nested, np.array([1.0, 2.0]), on_branch="record")
    wanted = [each.value_and_grad(point) for point in x[:500]]
    assert same(value[:500], [v for v, _ in wanted])
    assert same(gradient[:500], [g for _, g in wanted])


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_sums_over_branches_are_right_and_reproducible(reduction):
    x = 2.0 * drawn(10_007, 2)
    found = []
    for threads in (1, 2, 3, 7):
        program = tapead.record(nested, np.array([1.0, 2.0]))
        found.append(program.map(x, what="value_and_grad", reduction=reduction, threads=threads))
    for value, gradient in found[1:]:
        assert value == found[0][0]
        assert same(gradient, found[0][1])
    value, gradient = program.map(x, what="value_and_grad")
    n = len(x) if reduction == "mean" else 1
    np.testing.assert_allclose(found[0][0], value.sum() / n, rtol=1e-12)
    np.testing.assert_allclose(found[0][1], gradient.sum(axis=0) / n, rtol=1e-12)


def test_sums_leave_out_nan_of_points_off_the_path():
    """A point that has left may hold anything by then."""
    program = tapead.record(lambda x: np.sqrt(x) if x > 0 else x, 1.0)
    x = np.array([4.0, -1.0] * 40)
    assert program.map(x, reduction="sum") == 40.0
    assert program.map(x, what="grad", reduction="sum") == 50.0


def test_all_points_leave():
    program = tapead.record(sided, 1.0)
    x = -np.abs(drawn(100, 1)[:, 0])
    assert same(program.map(x), -3.0 * x)


def test_comparison_of_what_is_the_same_at_all_points():
    f = Counted(lambda x, c: x * c if c > 0.0 else x - c)
    program = tapead.record(f, 1.0, 1.0)
    x = drawn(100, 1)[:, 0]
    assert same(program.map(x, 2.0, in_axes=(0, None)), x * 2.0)
    assert f.calls == 1
    assert same(program.map(x, -2.0, in_axes=(0, None)), x + 2.0)
    assert f.calls == 2
    assert same(program.map(x, x, in_axes=0), np.where(x > 0, x * x, 0.0))


def test_two_comparisons_at_one_place():
    """Of a value that nothing else uses, also where it is the same at all points."""

    def f(x, c):
        y = tapead.square(x)
        z = tapead.square(c)
        return x * c if 0.1 < y < 0.9 and 0.1 < z < 0.9 else -x

    x = drawn(300, 1)[:, 0]
    for c in (0.5, 2.0):
        got = tapead.record(f, 0.5, 0.5).map(x, c, in_axes=(0, None))
        y = x * x
        assert same(got, np.where((y > 0.1) & (y < 0.9) & (c < 1), x * c, -x))


@pytest.mark.parametrize("moved", [
    lambda program: pickle.loads(pickle.dumps(program)),
    lambda program: reloaded(program),  # noqa: PLW0108 - defined below
], ids=["pickle", "load"])  # fmt: skip
def test_program_without_its_function_tells_the_branch(moved):
    program = moved(tapead.record(sided, 1.0))
    x = np.ones(200)
    assert same(program.map(x), x)
    x[130] = -2.0
    with pytest.raises(tapead.BranchChanged) as caught:
        program.map(x)
    assert caught.value.values == (-2.0, 0.0)
    assert caught.value.lineno == sided.__code__.co_firstlineno + 1


def reloaded(program):
    file = io.BytesIO()
    program.save(file)
    return tapead.load(io.BytesIO(file.getvalue()))


def test_error_of_the_function_at_a_point_comes_through():
    def f(x):
        if x < 0.0:
            raise ZeroDivisionError("negative")
        return x

    program = tapead.record(f, 1.0)
    with pytest.raises(ZeroDivisionError, match="negative"):
        program.map(np.array([1.0, -1.0]))
    assert same(program.map(np.ones(3)), np.ones(3))


@pytest.mark.parametrize("name", ["exp", "log", "sin", "tanh"])
def test_tie_that_lanes_round_otherwise(name):
    """One side is the same at all points and C's, the other is a lane's, up to 2 ulp off."""
    f = getattr(tapead, name)
    for c in np.random.default_rng(1).uniform(0.1, 3, 300):
        program = tapead.record(lambda x, c: x if f(x) <= f(c) else -x, 1.0, 1.0)
        assert program.map(np.array([c, 1.0]), float(c), in_axes=(0, None))[0] == c


def test_status_is_the_worst_of_all_points():
    program = tapead.record(tapead.relu, 1.0)
    x = np.ones(1000)
    program.map(x)
    assert program.status == tapead.Status.SAME_PATH
    for place in (0, 63, 64, 999):
        at = x.copy()
        at[place] = 0.0
        program.map(at)
        assert program.status == tapead.Status.AT_KINK
    program.map(x[:1])
    assert program.status == tapead.Status.SAME_PATH


# -- marks -----------------------------------------------------------------------------------

MARKED = {
    "sqrt of relu": lambda x, y: tapead.sqrt(tapead.relu(x)) + y,
    "sqrt of maximum": lambda x, y: tapead.sqrt(np.maximum(x, 0.0)) * y,
    "maximum with sqrt": lambda x, y: np.maximum(y, tapead.sqrt(x)),
    "log of clip": lambda x, y: tapead.log(tapead.clip(x, 0.0, 1.0)) * tapead.relu(y),
    "hypot": tapead.hypot,
    "power": lambda x, y: tapead.power(tapead.relu(x), tapead.absolute(y)),
    "minimum of relu": lambda x, y: np.minimum(tapead.relu(x), tapead.relu(y)) / x,
    "fmax": lambda x, y: tapead.fmax(x / y, y) + tapead.sign(x) * y,
    "heaviside": lambda x, y: tapead.heaviside(x, y) * tapead.sqrt(y),
    "copysign": lambda x, y: tapead.copysign(x, y) + tapead.floor(x) * y,
}


@pytest.mark.parametrize("what", ["value", "grad"])
@pytest.mark.parametrize("name", MARKED)
def test_marks_in_lanes_are_those_of_a_point(name, what):
    program = tapead.record(MARKED[name], 0.5, 0.7, argnums=(0, 1))
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 4.0, np.inf, -np.inf, np.nan]
    x, y = np.array(list(itertools.product(special, special))).T.copy()
    one = program if what == "value" else program.grad
    each = [one(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    got = program.map(x, y, what=what)
    got, wanted = (got, each) if what == "value" else (np.transpose(got), each)
    np.testing.assert_allclose(got, wanted, rtol=4 * 2.0**-52)
    zeros = np.equal(wanted, 0.0)
    assert (np.signbit(got) == np.signbit(wanted))[zeros].all()


# -- rows ------------------------------------------------------------------------------------

SPECIAL = np.array([
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.2e-308,
    1e-310, 1e-300, 1e-17, 1e300, -1e300, 1.7e308, 709.7, 710.0, -745.0, -746.0, 1e6, 1.1e6, -2e7,
    1e15, 1e22, 3.141592653589793, 1.5707963267948966, 1.0 + 2.0**-52, 1.0 - 2.0**-53, 0.65, 171.7,
])  # fmt: skip
ORDERED = ("polygamma", "sinc_derivative")
MARKABLE = ("carry", "merge", "join", "number", "present")


def row_points(row):
    numbers = np.append(SPECIAL, MARK) if row.name in MARKABLE else SPECIAL
    arity = 1 if row.name in ORDERED else row.arity
    rng = np.random.default_rng(list(row.name.encode()))
    low, high = np.array(row.domain[-arity:]).T
    inside = rng.uniform(low, high, (3000, arity))
    special = np.array(list(itertools.product(numbers, repeat=arity)))
    return np.concatenate([inside, special, rng.normal(size=(1000, arity)) * 30]).T.copy()


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_row_in_lanes_is_that_of_a_point(row):
    points = row_points(row)
    (got,) = program_of(one_row(row)).map(list(points))
    wanted = np.empty(points.shape[1])
    operands = [np.full(points.shape[1], 2.0), *points] if row.name in ORDERED else [*points]
    with np.errstate(all="ignore"):
        _tape.evaluate_rows(OPCODES[row.name], operands[0], operands[-1], wanted)
    assert same(np.isnan(got).astype(float), np.isnan(wanted).astype(float)), points[
        :, np.isnan(got) != np.isnan(wanted)]  # fmt: skip
    finite = np.isfinite(wanted)
    assert same(got[~finite], wanted[~finite])
    scale = np.abs(wanted)
    if row.name.startswith("logaddexp"):  # a sum of terms that may cancel
        scale = np.maximum(scale, np.where(np.isinf(points), 0.0, np.abs(points)).max(axis=0))
    off = np.abs(got[finite] - wanted[finite]) / np.spacing(scale[finite])
    # each vectorised function is within 1.5 ulp and C's within 1; some rows take two of them
    assert off.max(initial=0) <= 4, (off.max(), points[:, finite][:, off.argmax()])
    zero = finite & (wanted == 0)
    assert (np.signbit(got) == np.signbit(wanted))[zero].all(), points[:, zero]


@given(program=programs(), seed=st.integers(0, 1000), n=st.sampled_from([1, 17, 64, 130]))
def test_random_programs_are_mapped(program, seed, n):
    points = np.random.default_rng(seed).uniform(-1, 1, (program.n_inputs, n))
    recorded = tapead.record(program, *program.point)
    got = recorded.map(*points)
    wanted = np.transpose([recorded(*map(float, point)) for point in points.T])
    # a step may amplify what the steps before it lost: by 10 at most in one of these boxes
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    scalar = tapead.record(lambda *xs: program(*xs)[-1], *program.point)
    gradients = [scalar.grad(*map(float, point)) for point in points.T]
    scale = 1.0 + np.abs(gradients).max()
    np.testing.assert_allclose(scalar.map(*points, what="grad"), gradients, 1e-8, 1e-8 * scale)


# -- threads, signals, processes -------------------------------------------------------------


def test_one_program_in_many_threads_at_once():
    program = tapead.record(rosenbrock, np.ones(4))
    x = drawn(50_000)
    wanted = program.map(x, what="grad", threads=1)
    right = []

    def work(k):
        for _ in range(5):
            got = program.map(x[k * 1000 :], what="grad", threads=1 + k % 3)
            right.append(same(got, wanted[k * 1000 :]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 40


def run_python(script, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True,
        timeout=60, check=False, **options,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_fork_after_threads_were_used():
    done = run_python("""
        import os, signal
        import numpy as np
        import tapead

        program = tapead.record(lambda x: x * x + tapead.sin(x), 1.0)
        x = np.arange(1e6)
        wanted = program.map(x, threads=2)
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                os._exit(not (program.map(x, threads=2) == wanted).all())
            assert (program.map(x, threads=2) == wanted).all()
            assert os.waitpid(pid, 0)[1] == 0
        print("done")
    """)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("threads", [1, 2])
def test_control_c_ends_a_long_map(threads):
    script = f"""
        import signal
        import numpy as np
        import tapead

        signal.signal(signal.SIGINT, signal.default_int_handler)

        def f(x):
            for _ in range(2000):
                x = tapead.sin(x) + x * 0.5
            return x

        program = tapead.record(f, 1.0)
        x = np.ones(20_000_000)
        try:
            print("ready", flush=True)
            program.map(x, threads={threads})
        except KeyboardInterrupt:
            print("stopped", flush=True)
        print(program.map(np.ones(1000), threads=2)[0] == program.map(np.ones(1))[0])
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=20)[0] == "stopped\nTrue\n"
    finally:
        child.kill()
        child.wait()
