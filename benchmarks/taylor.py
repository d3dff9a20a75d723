"""Derivatives of high order: by Taylor arithmetic, by nested transforms, by JAX's jet."""

import math
from functools import partial

import numpy as np

import tapead

from .measure import check, fastest, some, versioned
from .systems import require

ORDERS = (5, 10, 20)
AT = 0.7
N = 1000


def trigonometric(x, m):
    """Curves of one number that every system has functions for."""
    return m.sin(x) * m.exp(-x) + m.tanh(0.5 * x)


def rational(x, m):
    return (x * x * x - 2.0 * x) / (1.0 + x * x)


def recurrence(x, m):
    for _ in range(30):
        x = m.sin(x) + 0.5 * x
    return x


FUNCTIONS = {"trigonometric": trigonometric, "rational": rational, "recurrence": recurrence}
SYSTEMS = ("nested", "jax", "jax-compiled")


def exact(f, order):
    """Taylor coefficients at `AT`, by mpmath with as many digits as cancel."""
    from mpmath import mp

    with mp.workdps(60):
        found = mp.taylor(lambda x: f(x, mp), AT, order)
        return np.array([float(c) for c in found])


def _factorials(order):
    return np.array([float(math.factorial(k)) for k in range(order + 1)])


def by_program(f, order):
    program = tapead.record(lambda x: f(x, tapead), AT)
    return partial(tapead.taylor, program, AT, order)


def by_function(f, order):
    return partial(tapead.taylor, lambda x: f(x, tapead), AT, order)


def by_nesting(f, order):
    """The last derivative alone, by that many nested transforms."""
    if order > 10:
        raise NotImplementedError("the cost of nested transforms grows with a power of 2")
    last = tapead.derivative(lambda x: f(x, tapead), order)
    return lambda: last(AT)


def by_jax(f, order, compiled=False):
    import jax
    from jax.experimental.jet import jet

    jax.config.update("jax_enable_x64", True)
    series = [1.0, *[0.0] * (order - 1)]

    def terms(x):
        y, found = jet(lambda x: f(x, jax.numpy), (x,), (series,))
        return [y, *found]

    step = jax.jit(terms) if compiled else terms
    return lambda: jax.block_until_ready(step(AT))


def steps_of(name, order, system=None):
    """{name: function without arguments}, every answer checked."""
    f = FUNCTIONS[name]
    wanted = exact(f, order)
    steps = {"plain": partial(f, AT, math), "program": by_program(f, order),
             "function": by_function(f, order)}  # fmt: skip
    for ours in ("program", "function"):
        check([steps[ours]()], [wanted], ours, 1e-10)
    factorials = _factorials(order)
    if system == "nested":
        steps[system] = by_nesting(f, order)
        check([steps[system]()], [wanted[-1] * factorials[-1]], system, 1e-10)
    elif system is not None:
        steps[system] = by_jax(f, order, compiled=system == "jax-compiled")
        # the coefficients of its tanh and sigmoid have an error of their own at high orders
        found = np.array([float(c) for c in steps[system]()]) / factorials
        check([found], [wanted], system, 1e-6)
    return steps


@versioned(*FUNCTIONS.values(), exact, by_program, by_function)
class Coefficients:
    """All derivatives up to an order of a function of one number."""

    params = (some(FUNCTIONS), some(ORDERS))
    param_names = ("function", "order")

    def setup(self, function, order):
        self.steps = steps_of(function, order)

    def time_program(self, function, order):
        self.steps["program"]()

    def time_function(self, function, order):
        self.steps["function"]()

    def track_program_over_plain(self, function, order):
        seconds = fastest(self.steps)
        return seconds["program"] / seconds["plain"]

    track_program_over_plain.unit = "x plain"


@versioned(*FUNCTIONS.values(), exact, by_program, by_nesting, by_jax)
class Peers:
    """The same beside nested derivatives of tapead, and beside JAX, traced anew or compiled."""

    params = (SYSTEMS, some(FUNCTIONS), some(ORDERS))
    param_names = ("system", "function", "order")
    timeout = 300

    def setup(self, system, function, order):
        require(system.replace("nested", "tapead"))
        self.steps = steps_of(function, order, system)

    def track_over_program(self, system, function, order):
        seconds = fastest(self.steps)
        return seconds[system] / seconds["program"]

    track_over_program.unit = "x program"


@versioned(trigonometric)
class Elements:
    """All derivatives up to an order at each element of an array."""

    params = (some(ORDERS),)
    param_names = ("order",)

    def setup(self, order):
        self.x = np.linspace(0.1, 2.0, N)
        k = np.arange(order + 1)[:, None]
        wanted = np.exp(self.x) / _factorials(order)[k]
        check([tapead.taylor(np.exp, self.x, order)], [wanted], "exp", 1e-12)

    def time_trigonometric(self, order):
        tapead.taylor(lambda x: trigonometric(x, np), self.x, order)

    def track_over_numpy(self, order):
        seconds = fastest({
            "taylor": partial(self.time_trigonometric, order),
            "numpy": lambda: trigonometric(self.x, np),
        })  # fmt: skip
        return seconds["taylor"] / seconds["numpy"]

    track_over_numpy.unit = "x NumPy"
