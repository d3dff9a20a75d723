"""Replays: what a program costs at a point, in lanes over many points, and on two threads."""

import io
import os
import pickle
import time
from functools import partial

import numpy as np
from scipy.optimize import rosen, rosen_der

import tapead

from .measure import check, fastest, replay_steps, some, versioned
from .scalar_systems import PLAIN
from .second_order_systems import paths_problem, record, tapead_paths
from .workloads import WORKLOADS, asian_option, rosenbrock, rosenbrock_point, three_operations


def recorded_rosenbrock(n):
    x = np.array(rosenbrock_point(n))
    return record(rosenbrock, x), x


@versioned(WORKLOADS)
class Point:
    """Value and gradient at a point, from lists and from arrays."""

    params = (("tapead", "tapead-arrays"), some(WORKLOADS))
    param_names = ("system", "workload")
    timeout = 120

    def setup(self, system, workload):
        self.steps = replay_steps([system], WORKLOADS[workload])

    def time_value_and_grad(self, system, workload):
        self.steps[system]()

    def track_over_plain(self, system, workload):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["plain"]

    track_over_plain.unit = "x plain"


@versioned(three_operations)
class Call:
    """Three operations: what is left is the way from Python and back."""

    def setup(self):
        def f(x1, x2):
            return three_operations((x1, x2), tapead)

        workload = WORKLOADS["three-operations"]
        self.program = tapead.record(f, *workload.xs, argnums=(0, 1))
        self.compiled = tapead.compile(f)
        wanted = three_operations(workload.xs, PLAIN)
        gradient = workload.gradient(workload.xs)
        check([self.program(2.0, 5.0), self.compiled(2.0, 5.0)], [wanted, wanted], "value")
        check(self.program.value_and_grad(2.0, 5.0), [wanted, gradient], "gradient")

    def time_program(self):
        self.program(2.0, 5.0)

    def time_value_and_grad(self):
        self.program.value_and_grad(2.0, 5.0)

    def time_compiled(self):
        self.compiled(2.0, 5.0)


@versioned()
class Guards:
    """A comparison in each of 999 steps, against the same replay without them."""

    params = ("value", "value_and_grad")
    param_names = ("what",)

    def setup(self, what):
        xs = rosenbrock_point(1000)
        wanted = [rosen(np.array(xs)), rosen_der(np.array(xs))]
        self.steps = {}
        for name, look in {"guarded": self.is_positive, "free": self.ignore}.items():
            program = tapead.record(partial(self.watched, look), xs)
            check(program.value_and_grad(xs), wanted, name)
            replay = {"value": program, "value_and_grad": program.value_and_grad}[what]
            self.steps[name] = partial(replay, xs)

    @staticmethod
    def watched(look, xs):
        total = 0.0
        for i in range(len(xs) - 1):
            total = total + 100.0 * (xs[i + 1] - xs[i] * xs[i]) ** 2 + (1.0 - xs[i]) ** 2
            look(total)
        return total

    @staticmethod
    def is_positive(x):
        return x > 0.0

    @staticmethod
    def ignore(x):
        return None

    def track_ratio(self, what):
        seconds = fastest(self.steps, rounds=15)
        return seconds["guarded"] / seconds["free"]

    track_ratio.unit = "x without guards"


@versioned(rosenbrock)
class Lanes:
    """Rosenbrock's function of 100 inputs at many points, on one thread."""

    params = (("value", "value_and_grad"), (None, "sum"))
    param_names = ("what", "reduction")
    n, n_points = 100, 100_000

    def setup(self, what, reduction):
        program, _ = recorded_rosenbrock(self.n)
        self.operations = dict(program.stats()["passes"])["recorded"]
        points = np.random.default_rng(0).uniform(-1.5, 1.5, (self.n_points, self.n))
        options = {"what": what, "reduction": reduction, "threads": 1}
        self.step = partial(program.map, points, **options)
        some = points[:1000]
        wanted = [rosen(some.T), rosen_der(some.T).T]
        wanted = [w.sum(axis=0) for w in wanted] if reduction else wanted
        found = program.map(some, **options)
        check(found if what == "value_and_grad" else [found], wanted[: 1 + (what != "value")], what)

    def track_ns_per_operation_and_point(self, what, reduction):
        seconds = fastest({"map": self.step})["map"]
        return 1e9 * seconds / (self.operations * self.n_points)

    track_ns_per_operation_and_point.unit = "ns"


@versioned(asian_option, tapead_paths)
class Threads:
    """Mean payoff of an Asian option and its gradient over many paths, on one thread and on two."""

    n_paths = 100_000

    def setup(self):
        if len(os.sched_getaffinity(0)) < 2:
            raise NotImplementedError("this process may use one processor only")
        problem = paths_problem(self.n_paths)
        self.steps = {f"{n}": tapead_paths(*problem.args, threads=n) for n in (1, 2)}
        check(self.steps["1"](), problem.wanted(), "one thread")
        np.testing.assert_array_equal(self.steps["2"]()[1], self.steps["1"]()[1])

    def track_us_per_path(self):
        return 1e6 * self.seconds()["2"] / self.n_paths

    track_us_per_path.unit = "us"

    def track_speed_up(self):
        seconds = self.seconds()
        return seconds["1"] / seconds["2"]

    track_speed_up.unit = "x one thread"

    def seconds(self):
        return fastest(self.steps, timer=time.perf_counter)


@versioned(rosenbrock)
class Keeping:
    """A program of about 7000 operations: to a file and back, pickled and back."""

    def setup(self):
        self.program, x = recorded_rosenbrock(1000)
        self.file = io.BytesIO()
        self.program.save(self.file)
        self.pickle = pickle.dumps(self.program)
        for program in (self.load(), pickle.loads(self.pickle)):
            check(program.value_and_grad(x), [rosen(x), rosen_der(x)], "kept program")

    def load(self):
        self.file.seek(0)
        return tapead.load(self.file)

    def time_save(self):
        self.program.save(io.BytesIO())

    def time_load(self):
        self.load()

    def time_pickle(self):
        pickle.dumps(self.program)

    def time_unpickle(self):
        pickle.loads(self.pickle)
