"""What SciPy's solvers cost by ``tapead.optimize``: its own part of a call, and whole solutions."""

import importlib

import numpy as np
from scipy import optimize

import tapead

from .array_workloads import rosenbrock_slices
from .measure import check, fastest, some, versioned
from .systems import require
from .workloads import rosenbrock_gradient


def rosenbrock(x):
    return rosenbrock_slices([x], np)


def decay(x):
    """Residuals of a sum of two exponentials at 60 points."""
    t = np.linspace(0.0, 4.0, 60)
    signal = np.exp(-t) + 0.5 * np.exp(-3.0 * t) + 0.05 * np.sin(7.0 * t)
    return x[0] * np.exp(-x[1] * t) + x[2] * np.exp(-x[3] * t) - signal


def start_of(n):
    """The start that Rosenbrock's valley is solved from."""
    return np.tile([-1.2, 1.0], n // 2)


def memorised(both):
    """What `minimize` makes of a function of value and gradient with ``jac=True``."""
    private = importlib.import_module("scipy.optimize._optimize")
    if not hasattr(private, "MemoizeJac"):
        raise NotImplementedError("this SciPy has no MemoizeJac")
    return private.MemoizeJac(both)


@versioned(rosenbrock)
class Overhead:
    """Value and gradient at two points, as a solver asks for them, over the program's own calls."""

    params = (("objective", "jac=True"), (3, 10, 100, 1000))
    param_names = ("memory", "n")

    def setup(self, memory, n):
        x = np.linspace(0.5, 1.0, n)
        points = x, x + 0.1
        o = tapead.optimize.objective(rosenbrock, x)
        for point in points:
            check([o.jac(point)], [rosenbrock_gradient(point)], "jac")
        both, fun, jac = o.program.value_and_grad, o.fun, o.jac
        if memory == "jac=True":
            fun = memorised(both)
            jac = fun.derivative
        self.steps = {
            "program": lambda: [both(point) for point in points],
            "solver": lambda: [(fun(point), jac(point)) for point in points],
        }

    def track_us_per_call(self, memory, n):
        """Microseconds that are added to a call: there are two at each of two points."""
        seconds = fastest(self.steps)
        return 1e6 * (seconds["solver"] - seconds["program"]) / 4.0

    track_us_per_call.unit = "us"


def minimised(fun, jac, x0):
    return optimize.minimize(fun, x0, jac=jac, method="BFGS", options={"gtol": 1e-4})


def minimisers(n):
    """Return {name: function without arguments} that minimises Rosenbrock's function."""
    x0 = start_of(n)
    o = tapead.optimize.objective(rosenbrock, x0)
    steps = {
        "tapead": lambda: minimised(o.fun, o.jac, x0),
        "2-point": lambda: minimised(rosenbrock, "2-point", x0),
        "3-point": lambda: minimised(rosenbrock, "3-point", x0),
        "closed form": lambda: minimised(optimize.rosen, optimize.rosen_der, x0),
    }
    try:
        gradient = importlib.import_module("autograd").grad(_with_autograd)
    except ImportError:
        return steps
    return steps | {"autograd": lambda: minimised(rosenbrock, gradient, x0)}


def _with_autograd(x):
    return rosenbrock_slices([x], importlib.import_module("autograd.numpy"))


@versioned(rosenbrock, start_of, minimised)
class Minimise:
    """BFGS on Rosenbrock's function with 100 unknowns, the time of others over tapead's."""

    params = (some(("2-point", "3-point", "closed form", "autograd")),)
    param_names = ("derivatives",)
    timeout = 300
    n = 100

    def setup(self, derivatives):
        if derivatives == "autograd":
            require("autograd")
        steps = minimisers(self.n)
        self.steps = {name: steps[name] for name in ("tapead", derivatives)}
        for name, step in self.steps.items():
            check([step().x], [np.ones(self.n)], name, 1e-3)

    def track_over_tapead(self, derivatives):
        seconds = fastest(self.steps, rounds=3)
        return seconds[derivatives] / seconds["tapead"]

    track_over_tapead.unit = "x tapead"


@versioned(rosenbrock, start_of)
class Methods:
    """Whole solutions with tapead's derivatives."""

    params = (some(("L-BFGS-B", "trust-ncg", "trust-exact")),)
    param_names = ("method",)
    n = 100

    def setup(self, method):
        o = tapead.optimize.objective(rosenbrock, start_of(self.n))
        second = {"trust-ncg": {"hessp": o.hessp}, "trust-exact": {"hess": o.hess}}
        self.keywords = {"jac": o.jac, "method": method, **second.get(method, {})}
        self.objective = o
        self.solve()

    def solve(self):
        return optimize.minimize(self.objective.fun, self.objective.x0, **self.keywords)

    def time_minimise(self, method):
        self.solve()


@versioned(decay)
class LeastSquares:
    """A fit of four parameters, the time by differences over that by the Jacobian."""

    def setup(self):
        x0 = np.array([0.8, 0.6, 0.8, 4.0])
        o = tapead.optimize.objective(decay, x0)
        self.steps = {
            "tapead": lambda: optimize.least_squares(o.fun, x0, jac=o.jac),
            "2-point": lambda: optimize.least_squares(decay, x0),
        }
        costs = [step().cost for step in self.steps.values()]
        check(costs[1:], costs[:1], "2-point", 1e-3)

    def track_over_tapead(self):
        seconds = fastest(self.steps, rounds=3)
        return seconds["2-point"] / seconds["tapead"]

    track_over_tapead.unit = "x tapead"
