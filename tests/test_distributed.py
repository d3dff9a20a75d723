"""Many points on a cluster of two processes: the bits of one process."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from branches import same
from clusters import PointOf, connected, dask

import tapead
from tapead import _shards, distributed
from tapead._containers import leaves

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def client():
    with connected() as client:
        yield client


# -- many points


def wave():
    """A program of two numbers, and points."""
    program = tapead.record(
        lambda x, c: tapead.sin(x) * x + tapead.exp(-c * x), 1.0, 0.5, argnums=(0, 1)
    )
    return program, RNG.normal(size=10_001), RNG.uniform(size=10_001)


@pytest.mark.parametrize("what", ["value", "grad", "value_and_grad"])
@pytest.mark.parametrize("reduction", [None, "sum", "mean"])
def test_map_has_the_bits_of_one_process(client, what, reduction):
    program, *args = wave()
    options = {"what": what, "reduction": reduction, "shard": 999}
    here = distributed.map(program, *args, **options)
    same(distributed.map(program, *args, client=client, **options), here)
    for found, wanted in zip(
        leaves(here), leaves(program.map(*args, what=what, reduction=reduction)), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_results_of_all_points_are_those_of_the_program():
    program, *args = wave()
    for shard in (1000, 3333, 20_000):
        same(distributed.map(program, *args, shard=shard), program.map(*args))


def test_points_keep_their_containers(client):
    def f(p, d):
        return {"sum": p.x + d["a"], "pair": [p.y * d["b"][0], 1.5], "n": 3}

    program = tapead.record(f, PointOf(1.0, 2.0), {"a": 3.0, "b": [4.0]})
    x, y, a = RNG.normal(size=(3, 50))
    args = PointOf(x, y), {"a": a, "b": [2.0]}
    args[1]["b"] = [np.full(50, 2.0)]
    wanted = {"sum": x + a, "pair": [y * 2.0, np.full(50, 1.5)], "n": 3}
    same(distributed.map(program, *args, shard=7, client=client), wanted)
    found = distributed.map(program, *args, shard=7, reduction="mean")
    np.testing.assert_allclose(found["sum"], (x + a).mean(), rtol=1e-13)
    assert found["n"] == 3


def test_arguments_that_stay_and_arrays_at_each_point(client):
    program = tapead.record(lambda w, x: np.sum(w * x) ** 2, np.zeros(3), np.ones(3))
    w, x = np.array([1.0, 2.0, 3.0]), RNG.normal(size=(100, 3))
    for where in (None, client):
        found = distributed.map(
            program, w, x, in_axes=(None, 0), what="grad", shard=32, client=where
        )
        np.testing.assert_allclose(found, 2.0 * (x @ w)[:, None] * x, rtol=1e-13)


def test_branch_of_a_program_that_changes_is_raised(client):
    program = tapead.record(lambda x: x * x if x > 0 else -x, 1.0)
    x = np.array([1.0, 2.0, -3.0])
    for where in (None, client):
        with pytest.raises(tapead.BranchChanged, match=r"-3\.0 > 0"):
            distributed.map(program, x, client=where)


@pytest.mark.parametrize("compiled", [False, True])
def test_function_is_recorded_on_the_worker_for_each_branch(client, compiled):
    slope = 3.0

    def f(x, c):
        if x < -1.0:
            return slope * x * c
        return x * x * c if x > 0 else -x * c

    x = RNG.normal(size=5000)
    function = tapead.compile(f) if compiled else f
    options = {"in_axes": (0, None), "what": "value_and_grad", "shard": 512}
    here = distributed.map(function, x, 2.0, **options)
    same(distributed.map(function, x, 2.0, client=client, **options), here)
    value = np.select([x < -1.0, x > 0], [6.0 * x, 2.0 * x * x], -2.0 * x)
    slopes = np.select([x < -1.0, x > 0], [6.0, 4.0 * x], -2.0)
    same(here, (value, slopes))
    mean = distributed.map(function, x, 2.0, reduction="mean", client=client, **options)
    same(mean, distributed.map(function, x, 2.0, reduction="mean", **options))
    np.testing.assert_allclose(mean, (value.mean(), slopes.mean()), rtol=1e-12)


def test_workers_make_their_points(client):
    program = tapead.record(lambda mean, z: (mean + z) ** 2, 0.5, 0.0)
    z = distributed.Drawn(lambda rng, n: rng.standard_normal(n), 100_000, seed=3)
    options = {"in_axes": (None, 0), "what": "value_and_grad", "reduction": "mean", "shard": 4096}
    here = distributed.map(program, 0.5, z, **options)
    same(distributed.map(program, 0.5, z, client=client, **options), here)
    drawn = np.concatenate(
        [
            np.random.default_rng((3, i)).standard_normal(min(4096, 100_000 - i))
            for i in range(0, 100_000, 4096)
        ]
    )
    np.testing.assert_allclose(
        here, (np.mean((0.5 + drawn) ** 2), np.mean(2.0 * (0.5 + drawn))), rtol=1e-11
    )


def test_made_and_given_points_stand_side_by_side(client):
    program = tapead.record(lambda x, y: x * y, 1.0, 1.0)
    made, given = distributed.Made(lambda a, b: np.arange(a, b) * 1.0, 1000), RNG.normal(size=1000)
    for where in (None, client):
        found = distributed.map(program, made, given, shard=300, client=where)
        same(found, np.arange(1000) * given)


def test_points_that_are_none_give_what_the_program_gives():
    program, *_ = wave()
    none = np.empty(0)
    same(distributed.map(program, none, none), program.map(none, none))
    found = distributed.map(program, none, none, reduction="mean")
    same(found, program.map(none, none, reduction="mean"))


def test_single_precision_stays():
    program = tapead.record(lambda x: np.sum(x * x), np.ones(2, np.float32))
    x = RNG.normal(size=(100, 2)).astype(np.float32)
    same(distributed.map(program, x, what="grad", shard=30), program.map(x, what="grad"))


def test_progress_is_a_bar(client, capsys, monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # no thread that outlives the test
    program, *args = wave()
    distributed.map(program, *args, shard=1000, client=client, progress=True)
    assert "11/11" in capsys.readouterr().err


def test_progress_is_told(client):
    program, *args = wave()
    seen = []
    distributed.map(
        program, *args, shard=1000, client=client, progress=lambda *found: seen.append(found)
    )
    assert seen == [(i + 1, 11) for i in range(11)]


def test_progress_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    program, *args = wave()
    distributed.map(program, *args, shard=100, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("101/101 shards")


def test_dask_is_imported_by_whoever_makes_a_client():
    code = """
import sys, numpy as np, tapead
assert "tapead.distributed" not in sys.modules and "tapead.nn" not in sys.modules
tapead.distributed.map(tapead.record(lambda x: x * x, 1.0), np.ones(3))
assert not {"dask", "distributed", "cloudpickle"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# -- workers that are lost


def lethal(path):
    """A function of points that ends its worker the first time, but not this process."""
    pid = os.getpid()

    def points(rng, n):
        if os.getpid() != pid and not os.path.exists(path):
            with open(path, "w"):
                pass
            os._exit(1)
        return rng.standard_normal(n)

    return points


def test_worker_that_is_lost_in_a_map_loses_nothing(client, tmp_path):
    program = tapead.record(lambda z: tapead.exp(z) * z, 0.5)
    options = {"what": "value_and_grad", "reduction": "sum", "shard": 500}
    points = distributed.Drawn(lethal(tmp_path / "killed"), 20_000, seed=1)
    here = distributed.map(program, points, **options)
    assert not (tmp_path / "killed").exists()
    same(distributed.map(program, points, client=client, **options), here)
    assert (tmp_path / "killed").exists()
    client.wait_for_workers(2, timeout=60)


def test_processes_that_are_killed_lose_nothing(client):
    """From outside, at any time; the nanny starts others."""
    program, *args = wave()
    here = distributed.map(program, *args, reduction="sum", what="grad", shard=50)
    pids = list(client.run(os.getpid).values())

    def kill(done, total):
        if done == total // 4:
            os.kill(pids[0], 9)

    options = {"reduction": "sum", "what": "grad", "shard": 50}
    same(distributed.map(program, *args, client=client, progress=kill, **options), here)
    client.wait_for_workers(2, timeout=60)


# -- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": "jacobian"}, "computes one of"),
        ({"reduction": "max"}, "reduction is None"),
        ({"in_axes": (0,)}, "in_axes is 0 or None, or 2"),
        ({"in_axes": None}, "needs an argument with a leading axis"),
        ({"shard": 0}, "shard is an int"),
        ({"shard": 2.5}, "shard is an int"),
        ({"threads": True}, "threads is an int"),
    ],
)
def test_options_of_map_are_checked(options, message):
    program, *args = wave()
    with pytest.raises(ValueError, match=message):
        distributed.map(program, *args, **options)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.ones(3), 2.0), "expected an array with a leading axis in argument 2"),
        ((np.ones(3), np.ones(4)), "expected 3 points in argument 2, as in 1; got 4"),
        (([np.ones(3), np.ones(2)], np.ones(3)), "expected 3 points in argument 1; got 2"),
        ((np.ones((3, 2)), np.ones(3)), r"expected an array of shape \(n\)"),
        ((np.ones(3),), "argument"),
    ],
)
def test_points_are_checked(args, message, client):
    program, *_ = wave()
    for where in (None, client):
        with pytest.raises(ValueError, match=message):
            distributed.map(program, *args, client=where)


@pytest.mark.parametrize(
    "function", [3.0, None, tapead.record(lambda x: x * x, np.ones(2), arrays=True)]
)
def test_what_cannot_be_mapped_is_refused(function):
    with pytest.raises(TypeError, match="map takes a function, or a Program of numbers"):
        distributed.map(function, np.ones(3))


def test_points_that_are_made_are_counted():
    program = tapead.record(lambda x: x * x, 1.0)
    for made in (np.ones(4), 1.0, np.float64(2.0)):
        points = distributed.Made(lambda start, stop, made=made: made, 3)
        with pytest.raises(ValueError, match="expected arrays of 3 points"):
            distributed.map(program, points)
    with pytest.raises(TypeError, match="expected a function"):
        distributed.Made(3, 3)
    with pytest.raises(ValueError, match="n is a number of points"):
        distributed.Made(np.ones, -1)
    with pytest.raises(ValueError, match="seed is an int"):
        distributed.Drawn(np.ones, 3, seed=-1)


@pytest.mark.parametrize("thing", ["tcp://127.0.0.1:8786", 2, object()])
def test_other_things_than_clients_are_refused(thing):
    program, *args = wave()
    with pytest.raises(TypeError, match=r"client is a dask\.distributed\.Client"):
        distributed.map(program, *args, client=thing)


def test_closed_client_is_refused(client):
    closed = dask.Client(client.cluster)
    closed.close()
    program, *args = wave()
    with pytest.raises(ValueError, match="client is closed"):
        distributed.map(program, *args, client=closed)


def test_worker_of_another_version_is_refused(client, monkeypatch):
    monkeypatch.setattr(_shards, "__version__", "0.0.7")
    program, *args = wave()
    with pytest.raises(RuntimeError, match=r"and the client 0\.0\.7"):
        distributed.map(program, *args, client=client)


def test_error_of_a_worker_is_the_caller_s_and_leaves_no_tasks(client):
    program = tapead.record(lambda x: x * x, 1.0)

    def bad(start, stop):
        if start >= 30:
            raise ZeroDivisionError(f"at {start}")
        return np.ones(stop - start)

    with pytest.raises(ZeroDivisionError, match=r"at \d0"):
        distributed.map(program, distributed.Made(bad, 1000), shard=10, client=client)
    for _ in range(100):
        if not any(client.processing().values()):
            return
        time.sleep(0.1)
    pytest.fail("tasks are left")
