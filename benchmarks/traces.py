"""The trace: the table of one run, made and printed."""

import tapead

from .measure import versioned
from .workloads import WORKLOADS


@versioned(WORKLOADS)
class Trace:
    params = ("three-operations", "rosenbrock-10", "speelpenning-1000")
    param_names = ("workload",)

    def setup(self, workload):
        self.f, self.xs = WORKLOADS[workload].f, WORKLOADS[workload].xs
        self.trace = self.make()

    def make(self):
        return tapead.trace(lambda *xs: self.f(xs, tapead), *self.xs)

    def time_trace(self, workload):
        self.make()

    def time_str(self, workload):
        str(self.trace)
