"""Recording in each call: the gradient of plain Python loops, against the loops themselves."""

from .measure import fastest, gradient_steps
from .peers import SYSTEMS, require
from .workloads import WORKLOADS


class Gradient:
    params = (tuple(SYSTEMS), tuple(WORKLOADS))
    param_names = ("system", "workload")
    timeout = 120

    def setup(self, system, workload):
        require(system)
        self.steps = gradient_steps([system], WORKLOADS[workload])

    def track_ratio(self, system, workload):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["plain"]

    track_ratio.unit = "x plain"


class TapeadGradient:
    params = tuple(WORKLOADS)
    param_names = ("workload",)

    def setup(self, workload):
        self.step = gradient_steps(["tapead"], WORKLOADS[workload])["tapead"]

    def time_value_and_grad(self, workload):
        self.step()
