"""The peers: the same workloads by other systems, over the plain function and over tapead.

Both are measured in one run, in turns, by the least of several rounds. A system that is not
installed is n/a, as is a workload that it has no function for.
"""

from .array_systems import ARRAY_REPLAYS, ARRAY_SYSTEMS
from .array_workloads import ARRAY_WORKLOADS, broyden_slices, rosenbrock_slices
from .measure import (
    array_gradient_steps,
    array_replay_steps,
    fastest,
    gradient_steps,
    problem_steps,
    replay_steps,
    some,
    versioned,
)
from .scalar_systems import REPLAYS, SYSTEMS, declines
from .second_order_systems import PROBLEM_SYSTEMS, PROBLEMS
from .systems import require
from .workloads import WORKLOADS, asian_option, broyden_tridiagonal, rosenbrock


def others(systems):
    return tuple(name for name in systems if not name.startswith("tapead"))


@versioned(WORKLOADS)
class Loops:
    """Loops over numbers, by systems that record in each call."""

    params = (others(SYSTEMS), some(WORKLOADS))
    param_names = ("system", "workload")
    timeout = 300
    make_steps = staticmethod(gradient_steps)
    workloads = WORKLOADS

    def setup(self, system, workload):
        require(system)
        if declines(system, workload):
            raise NotImplementedError(f"{system} takes minutes to record {workload}")
        self.steps = self.make_steps(["tapead", system], self.workloads[workload])

    def track_over_plain(self, system, workload):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["plain"]

    track_over_plain.unit = "x plain"

    def track_over_tapead(self, system, workload):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["tapead"]

    track_over_tapead.unit = "x tapead"


@versioned(WORKLOADS)
class LoopsReplayed(Loops):
    """The same, by systems that have recorded."""

    params = (others(REPLAYS), some(WORKLOADS))
    make_steps = staticmethod(replay_steps)


@versioned(ARRAY_WORKLOADS)
class Arrays(Loops):
    """NumPy code on arrays, by systems that record in each call."""

    params = (others(ARRAY_SYSTEMS), some(ARRAY_WORKLOADS))
    make_steps = staticmethod(array_gradient_steps)
    workloads = ARRAY_WORKLOADS


@versioned(ARRAY_WORKLOADS)
class ArraysReplayed(Arrays):
    """The same, by systems that have recorded."""

    params = (others(ARRAY_REPLAYS), some(ARRAY_WORKLOADS))
    make_steps = staticmethod(array_replay_steps)


@versioned(rosenbrock, rosenbrock_slices, broyden_tridiagonal, broyden_slices, asian_option)
class SecondOrder:
    """Hessians, their products, sparse Jacobians; gradients at many points."""

    params = (others(PROBLEM_SYSTEMS), some(PROBLEMS))
    param_names = ("system", "problem")
    timeout = 300

    def setup(self, system, problem):
        require(system)
        self.problem = PROBLEMS[problem]()
        self.system, self.steps = system, problem_steps([system], self.problem)

    def track_us(self, system, problem):
        return 1e6 * fastest(self.steps)[system] / self.problem.calls

    track_us.unit = "us"

    def track_over_tapead(self, system, problem):
        seconds = fastest(self.steps | problem_steps(["tapead"], self.problem))
        return seconds[system] / seconds["tapead"]

    track_over_tapead.unit = "x tapead"
