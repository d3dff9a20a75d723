"""Recording in each call: the gradient of plain Python loops, against the loops themselves."""

from .measure import fastest, gradient_steps, versioned
from .workloads import WORKLOADS


@versioned(WORKLOADS)
class Gradient:
    params = tuple(WORKLOADS)
    param_names = ("workload",)
    timeout = 120

    def setup(self, workload):
        self.steps = gradient_steps(["tapead"], WORKLOADS[workload])

    def time_value_and_grad(self, workload):
        self.steps["tapead"]()

    def track_over_plain(self, workload):
        seconds = fastest(self.steps)
        return seconds["tapead"] / seconds["plain"]

    track_over_plain.unit = "x plain"
