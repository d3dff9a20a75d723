"""Two worker processes beside one, on a dask cluster of this machine: many paths, training steps.

``python -m benchmarks.clusters 1000000`` prints the figures of docs/explanation/scaling.md.
"""

import contextlib
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

import tapead
from tapead import distributed, nn, optim

from .measure import EVERY, check, fastest, some, versioned
from .systems import require
from .threads import limit_blas
from .training import TRAININGS, batch_of, net_of
from .workloads import WORKLOADS, asian_option, asian_option_gradient

N_PATHS = 1_000_000 if EVERY == 1 else 4_000
N_STEPS, SHARD, CHECKED = 252, 20_000, 2_000
NETS = ("784-128-10, 128", "784-512-256-10, 1024", "3072-1024-1024-10, 256")


def client_of(stack, n_workers):
    """A client of so many processes with one thread each, until the stack is closed."""
    require("distributed")
    from distributed import Client, LocalCluster

    options = {
        "threads_per_worker": 1, "dashboard_address": None,
        "scheduler_kwargs": {"dashboard_address": ":0"},  # any port, there may be other clusters
    }  # fmt: skip
    cluster = stack.enter_context(LocalCluster(n_workers=n_workers, **options))
    client = stack.enter_context(Client(cluster))
    client.run(set_threads_of_worker)
    return client


def set_threads_of_worker():
    """One for products too, whatever the environment says."""
    limit_blas(1)


def option_program():
    """Payoff of one path of the Asian option, and what it is differentiated by."""

    def f(spot, volatility, rate, expiry, normals):
        return asian_option((spot, volatility, rate, expiry), tapead, [normals])

    point = (*WORKLOADS["asian-option"].xs, np.zeros(N_STEPS))
    return tapead.record(f, *point, argnums=(0, 1, 2, 3), arrays=False)


def draw(rng, n):
    return rng.standard_normal((n, N_STEPS))


def many_paths(client, n_paths=N_PATHS, shard=SHARD):
    """Mean payoff and its gradient; workers draw the paths."""
    return distributed.map(
        option_program(), *WORKLOADS["asian-option"].xs, distributed.Drawn(draw, n_paths),
        in_axes=(None, None, None, None, 0), what="value_and_grad", reduction="mean",
        shard=shard, client=client, progress=False,
    )  # fmt: skip


def checked_paths(client):
    """Compare with the closed form of some paths, and all of them with this process."""
    xs, shard = WORKLOADS["asian-option"].xs, CHECKED // 4
    starts = range(0, CHECKED, shard)
    normals = np.vstack([draw(np.random.default_rng((0, i)), shard) for i in starts])
    value, gradient = many_paths(client, CHECKED, shard)
    check([gradient], [asian_option_gradient(xs, normals)], "distributed")
    assert (value, gradient) == many_paths(None, CHECKED, shard)


def seconds_of_cpu(client):
    """CPU time of each worker so far."""
    return np.array(list(client.run(time.process_time).values()))


def thread_times():
    """Seconds that each thread of a process has run, and waited for a core; of Linux."""
    found = {}
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # it has ended
            found[path.parent.name] = np.array(path.read_text("ascii").split()[:2], float) / 1e9
    if not found:
        raise NotImplementedError("this system does not tell how long a thread has waited")
    return found


def undisturbed(client, n_paths=N_PATHS):
    """Seconds by the clock, and without the time that workers waited for a core.

    Which is what other programs take; a worker is the thread of it that has run most.
    """
    before, start = client.run(thread_times), time.perf_counter()
    many_paths(client, n_paths)
    clock, waits = time.perf_counter() - start, []
    for address, after in client.run(thread_times).items():
        spent = [t - before[address].get(thread, 0.0) for thread, t in after.items()]
        waits.append(max(spent, key=lambda t: t[0])[1])
    return clock, clock - min(waits)


@versioned(asian_option, option_program, draw, many_paths, undisturbed, client_of)
class ManyPaths:
    """A million paths of the Asian option, value and gradient, drawn by the workers."""

    timeout = 900

    def setup(self):
        self.stack = ExitStack()
        self.clients = {n: client_of(self.stack, n) for n in (1, 2)}
        checked_paths(self.clients[2])

    def teardown(self):
        if hasattr(self, "stack"):
            self.stack.close()

    def track_two_over_one(self):
        """By the clock, as on cores that nothing else uses."""
        rounds = range(3 if EVERY == 1 else 1)
        best = {
            n: min(undisturbed(client)[1] for _ in rounds) for n, client in self.clients.items()
        }
        return best[1] / best[2]

    track_two_over_one.unit = "x one worker"


def sharded_steps(training, client):
    """Steps of one process and of two workers, whose losses agree.

    Those of shards do to the bit, where BLAS can be kept to one thread here and in the workers.
    """
    batch, steps = batch_of(training), {}
    for name in ("one process", "shards here", "two workers"):
        net = net_of(training)
        optimizer = getattr(optim, training.optimiser)(net.parameters(), lr=0.01)
        if name == "one process":
            step = nn.compile_step(net, nn.cross_entropy, optimizer)
        else:
            where = client if name == "two workers" else None
            step = distributed.compile_step(
                net, nn.cross_entropy, optimizer, shards=2, client=where
            )
        steps[name] = partial(step, *batch)
    one_thread = limit_blas(1)
    with one_thread or contextlib.nullcontext():
        losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
    assert one_thread is None or losses["two workers"] == losses["shards here"]
    for name in ("shards here", "two workers"):
        check(losses[name], losses["one process"], name, 1e-4)
    return steps


@versioned(repr(TRAININGS), net_of, batch_of, client_of, sharded_steps)
class ShardedStep:
    """A training step on two workers, over that of one process."""

    params = (some(NETS),)
    param_names = ("training",)
    timeout = 300

    def setup(self, training):
        self.stack = ExitStack()
        self.steps = sharded_steps(TRAININGS[training], client_of(self.stack, 2))

    def teardown(self, training):
        if hasattr(self, "stack"):
            self.stack.close()

    def track_over_one_process(self, training):
        seconds = fastest(self.steps, timer=time.perf_counter)
        return seconds["two workers"] / seconds["one process"]

    track_over_one_process.unit = "x one process"


def task_cost(client, n=2_000):
    """CPU seconds per task that does nothing: of client and scheduler, and of the workers."""
    program, x = tapead.record(lambda x: x, 1.0), np.ones(n)
    found = []
    for _ in range(3):
        before, start = seconds_of_cpu(client), time.process_time()
        distributed.map(program, x, shard=1, client=client, progress=False)
        here = time.process_time() - start
        found.append((here / n, sum(seconds_of_cpu(client) - before) / n))
    return min(found)


def main(n_paths, rounds=5):
    """Print what the page on scaling has: seconds by the clock and in CPU time."""
    with ExitStack() as stack:
        clients = {n: client_of(stack, n) for n in (1, 2)}
        checked_paths(clients[2])
        here, there = task_cost(clients[2])
        print(f"ms of CPU per task: {1e3 * here:.3f} here, {1e3 * there:.3f} there")
        for name in NETS:
            steps = sharded_steps(TRAININGS[name], clients[2])
            seconds = fastest(steps, timer=time.perf_counter)
            print(name, {key: f"{1e3 * t:.2f} ms" for key, t in seconds.items()}, flush=True)
        best = {}
        for _ in range(rounds):
            for n, client in clients.items():
                best[n] = np.minimum(best.get(n, np.inf), undisturbed(client, n_paths))
            print("two over one, clock and undisturbed:", best[1] / best[2], best, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
