"""The sweeps over a tape that stands: time and memory for each of its nodes."""

from functools import partial

import numpy as np

import tapead

from .measure import check, fastest, versioned
from .workloads import rosenbrock, rosenbrock_gradient, rosenbrock_point


class Rosenbrock:
    """A recording of n inputs and about 7 n operations."""

    params = (1000, 10_000)
    param_names = ("n",)

    def setup(self, n):
        self.x = rosenbrock_point(n)
        with tapead.Tape() as self.tape:
            self.xs = [self.tape.variable(x) for x in self.x]
            self.y = rosenbrock(self.xs, tapead)

    def ns_per_node(self, sweep):
        return 1e9 * fastest({"sweep": sweep})["sweep"] / len(self.tape)


@versioned(rosenbrock)
class ReverseSweep(Rosenbrock):
    def setup(self, n):
        super().setup(n)
        self.sweep = partial(self.tape.gradient, self.y, self.xs[:1])  # it visits every node
        self.gradient = partial(self.tape.gradient, self.y, self.xs)
        check([self.gradient()], [rosenbrock_gradient(self.x)], "reverse sweep")

    def track_ns_per_node(self, n):
        return self.ns_per_node(self.sweep)

    track_ns_per_node.unit = "ns"

    def track_gradient_ns_per_node(self, n):
        return self.ns_per_node(self.gradient)

    track_gradient_ns_per_node.unit = "ns"


@versioned(rosenbrock)
class ForwardSweep(Rosenbrock):
    def setup(self, n):
        super().setup(n)
        x_dot = np.random.default_rng(7).standard_normal(n)
        self.sweep = partial(self.tape.pushforward, self.y, self.xs, x_dot.tolist())
        check([self.sweep()], [rosenbrock_gradient(self.x) @ x_dot], "forward sweep")

    def track_ns_per_node(self, n):
        return self.ns_per_node(self.sweep)

    track_ns_per_node.unit = "ns"
