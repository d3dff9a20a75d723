"""Derivatives beyond the gradient: Hessians, their products, Jacobians; from programs and anew."""

import numpy as np
from scipy.optimize import rosen_hess, rosen_hess_prod

import tapead

from .measure import check, problem_steps, versioned
from .second_order_systems import PROBLEMS
from .workloads import (
    broyden_tridiagonal,
    broyden_tridiagonal_jacobian,
    rosenbrock,
    rosenbrock_gradient,
    rosenbrock_point,
)


@versioned(rosenbrock)
class Rosenbrock:
    params = (10, 100)
    param_names = ("n",)

    def setup(self, n):
        self.x = rosenbrock_point(n)
        self.x_dot = np.random.default_rng(7).standard_normal(n).tolist()
        self.hessian = tapead.hessian(self.f)
        x, x_dot = np.array(self.x), np.array(self.x_dot)
        check([self.hessian(self.x)], [rosen_hess(x)], "hessian")
        check(self.hvp(), [rosen_hess_prod(x, x_dot)], "hvp")
        check([self.jvp()[1]], [rosenbrock_gradient(x) @ x_dot], "jvp")

    @staticmethod
    def f(xs):
        return rosenbrock(xs, tapead)

    def hvp(self):
        return tapead.hvp(self.f, (self.x,), (self.x_dot,))

    def jvp(self):
        return tapead.jvp(self.f, (self.x,), (self.x_dot,))

    def time_hessian(self, n):
        self.hessian(self.x)

    def time_hvp(self, n):
        self.hvp()

    def time_jvp(self, n):
        self.jvp()


@versioned(broyden_tridiagonal)
class Broyden:
    params = (("jacobian", "jacfwd", "jacrev"), (10, 200))
    param_names = ("transform", "n")

    def setup(self, transform, n):
        self.x = rosenbrock_point(n)
        self.jacobian = getattr(tapead, transform)(lambda xs: broyden_tridiagonal(xs, tapead))
        check([self.jacobian(self.x)], [broyden_tridiagonal_jacobian(self.x)], transform)

    def time_jacobian(self, transform, n):
        self.jacobian(self.x)


@versioned(rosenbrock, broyden_tridiagonal)
class Replay:
    """Dense Hessians, their products and sparse Jacobians, recorded once."""

    params = tuple(name for name in PROBLEMS if "paths" not in name)
    param_names = ("problem",)

    def setup(self, problem):
        self.step = problem_steps(["tapead"], PROBLEMS[problem]())["tapead"]

    def time_replay(self, problem):
        self.step()
