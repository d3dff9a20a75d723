"""Programs: a function recorded once, and what its replays cost, casadi's beside them."""

import io
import os
import pickle
import time
from functools import partial

import numpy as np
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import tapead

from .measure import check, fastest, gradient_steps, replay_steps
from .peers import PLAIN, REPLAYS, casadi_hessian, casadi_hvp, casadi_paths, namespace, require
from .workloads import (
    WORKLOADS,
    asian_option,
    asian_option_gradient,
    rosenbrock,
    rosenbrock_point,
    three_operations,
)

RECORDABLE = tuple(name for name in WORKLOADS if name != "rosenbrock-10000")  # 1000 tells the same
PEERS = "tapead", "casadi"


def recorded(workload):
    f, xs = workload.f, workload.xs
    return tapead.record(lambda xs: f(xs, tapead), xs)


def recorded_rosenbrock(n):
    x = np.array(rosenbrock_point(n))
    return tapead.record(lambda xs: rosenbrock(xs, tapead), x), x


class Replay:
    """Value and gradient over the time of the plain function; tapead takes lists, or arrays."""

    params = (tuple(REPLAYS), tuple(WORKLOADS))
    param_names = ("system", "workload")
    timeout = 120

    def setup(self, system, workload):
        require(system)
        self.steps = replay_steps([system], WORKLOADS[workload])

    def track_ratio(self, system, workload):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["plain"]

    track_ratio.unit = "x plain"


class TapeadReplay:
    params = (("tapead", "tapead-arrays"), tuple(WORKLOADS))
    param_names = ("system", "workload")

    def setup(self, system, workload):
        self.step = replay_steps([system], WORKLOADS[workload])[system]

    def time_value_and_grad(self, system, workload):
        self.step()


class Recording:
    """A new program up to its first gradient: recording, derivation, passes, one replay."""

    params = (RECORDABLE,)
    param_names = ("workload",)

    def setup(self, workload):
        workload = WORKLOADS[workload]
        self.steps = gradient_steps(["tapead"], workload)
        self.steps["record"] = partial(recorded, workload)
        self.steps["first"] = lambda: recorded(workload).value_and_grad(workload.xs)
        wanted = workload.f(workload.xs, PLAIN), workload.gradient(workload.xs)
        check(self.steps["first"](), wanted, "first gradient")

    def track_record(self, workload):
        return self.over_eager("record")

    track_record.unit = "x gradient recorded anew"

    def track_first_gradient(self, workload):
        return self.over_eager("first")

    track_first_gradient.unit = "x gradient recorded anew"

    def over_eager(self, step):
        seconds = fastest({name: self.steps[name] for name in ("tapead", step)})
        return seconds[step] / seconds["tapead"]


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


class MonteCarlo:
    """Mean payoff of an Asian option and its gradient: a program of one path of 252 steps."""

    params = PEERS
    param_names = ("system",)
    n_paths = 100_000
    xs = (100.0, 0.2, 0.05, 1.0)

    def setup(self, system):
        require(system)
        self.normals = np.random.default_rng(1).standard_normal((self.n_paths, 252))
        if system == "casadi":
            self.step = casadi_paths(asian_option, self.xs, self.normals)
        else:
            self.step = partial(self.tapead_step(), threads=1)
        check(self.step(), self.wanted(), system)

    def tapead_step(self):
        xs = list(self.xs)
        program = tapead.record(lambda xs, z: asian_option(xs, tapead, [z]), xs, self.normals[0])
        return partial(
            program.map,
            xs,
            self.normals,
            in_axes=(None, 0),
            what="value_and_grad",
            reduction="mean",
        )

    def wanted(self):
        m = namespace(exp=np.exp, sqrt=np.sqrt, relu=partial(np.maximum, 0.0))
        payoffs = asian_option(self.xs, m, [self.normals.T])  # those of all paths, side by side
        return payoffs.mean(), asian_option_gradient(self.xs, self.normals)

    def track_us_per_path(self, system):
        return 1e6 * fastest({"map": self.step})["map"] / self.n_paths

    track_us_per_path.unit = "us"


class MonteCarloThreads(MonteCarlo):
    """The same on two threads."""

    params = ("tapead",)

    def setup(self, system):
        if len(os.sched_getaffinity(0)) < 2:
            raise NotImplementedError("this process may use one processor only")
        super().setup(system)
        two = partial(self.tapead_step(), threads=2)
        np.testing.assert_array_equal(two()[1], self.step()[1])
        self.steps = {"one": self.step, "two": two}

    def track_us_per_path(self, system):
        return 1e6 * self.seconds()["two"] / self.n_paths

    track_us_per_path.unit = "us"

    def track_speed_up(self, system):
        seconds = self.seconds()
        return seconds["one"] / seconds["two"]

    track_speed_up.unit = "x one thread"

    def seconds(self):
        return fastest(self.steps, timer=time.perf_counter)


class Hessian:
    """The dense Hessian of Rosenbrock's function of 100 inputs."""

    params = PEERS
    param_names = ("system",)

    def setup(self, system):
        require(system)
        program, x = recorded_rosenbrock(100)
        if system == "casadi":
            self.step = casadi_hessian(rosenbrock, x)
        else:
            self.step = partial(program.hessian, x)
        check([np.squeeze(self.step())], [rosen_hess(x)], system)

    def time_replay(self, system):
        self.step()


class HessianVector:
    """The Hessian of Rosenbrock's function of 1000 inputs times a vector."""

    params = PEERS
    param_names = ("system",)

    def setup(self, system):
        require(system)
        program, x = recorded_rosenbrock(1000)
        x_dot = np.random.default_rng(7).standard_normal(1000)
        if system == "casadi":
            self.step = casadi_hvp(rosenbrock, x, x_dot)
        else:
            self.step = partial(program.hvp, (x,), (x_dot,))
        check(self.step(), [rosen_hess_prod(x, x_dot)], system)

    def time_replay(self, system):
        self.step()


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


class Size:
    """Bytes of a program and of its gradient, with the slots that they run in."""

    params = (RECORDABLE,)
    param_names = ("workload",)

    def setup(self, workload):
        self.program = recorded(WORKLOADS[workload])

    def track_bytes_per_instruction(self, workload):
        return self.of(self.program)

    track_bytes_per_instruction.unit = "B"

    def track_gradient_bytes_per_instruction(self, workload):
        return self.of(self.program.gradient())

    track_gradient_bytes_per_instruction.unit = "B"

    @staticmethod
    def of(program):
        stats = program.stats()
        return stats["bytes"] / stats["instructions"]
