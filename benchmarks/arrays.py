"""Arrays: gradients of NumPy code, recorded in each call or once, and what their parts cost."""

from functools import partial

import numpy as np
import optree

import tapead
from tapead.elementals import ELEMENTALS
from tapead.primitives import FUNCTIONS

from . import elementals
from .array_workloads import ARRAY_WORKLOADS
from .measure import (
    array_gradient_steps,
    array_replay_steps,
    check,
    fastest,
    some,
    versioned,
)


@versioned(ARRAY_WORKLOADS)
class Gradient:
    """Value and gradient, recorded in each call, over the time of the function on plain arrays."""

    params = tuple(ARRAY_WORKLOADS)
    param_names = ("workload",)
    timeout = 120
    make_steps = staticmethod(array_gradient_steps)

    def setup(self, workload):
        self.steps = self.make_steps(["tapead"], ARRAY_WORKLOADS[workload])

    def track_over_plain(self, workload):
        seconds = fastest(self.steps)
        return seconds["tapead"] / seconds["plain"]

    track_over_plain.unit = "x plain"

    def time_value_and_grad(self, workload):
        self.steps["tapead"]()


@versioned(ARRAY_WORKLOADS)
class Replay(Gradient):
    """The same, recorded once."""

    params = some(ARRAY_WORKLOADS)
    make_steps = staticmethod(array_replay_steps)


@versioned()
class PerElemental:
    """A row of the table on arrays of 10^4 elements, on a tape that stands."""

    params = elementals.Elemental.params
    param_names = ("name",)
    n = 10_000

    def setup(self, name):
        rng = np.random.default_rng(8)
        self.function, self.tape = getattr(tapead, name), tapead.Tape()
        with self.tape:
            self.xs = [
                self.tape.variable(rng.uniform(low, high, self.n))
                for low, high in ELEMENTALS[name].domain
            ]
            self.y = self.function(*self.xs)
        self.time_forward(name)  # the first use of some functions imports scipy.special

    def time_forward(self, name):
        with self.tape:
            mark = self.tape.mark()
            self.function(*self.xs)
            self.tape.rewind(mark)

    def time_pullback(self, name):
        self.tape.gradient(self.y, self.xs)


@versioned()
class PerPrimitive:
    """A function of NumPy or SciPy on the first sample of its row: arrays of a few elements."""

    params = some(row.name for row in FUNCTIONS.values() if row.samples)
    param_names = ("name",)

    def setup(self, name):
        row = next(row for row in FUNCTIONS.values() if row.name == name)
        leaves, spec = optree.tree_flatten(row.samples[0](np.random.default_rng(8)))
        active = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in leaves]
        self.arrays = [x for x, is_active in zip(leaves, active, strict=True) if is_active]

        def f(*arrays):
            left = iter(arrays)
            given = [next(left) if a else x for a, x in zip(active, leaves, strict=True)]
            args, kwargs = optree.tree_unflatten(spec, given)
            return optree.tree_leaves(row.call(*args, **kwargs))

        self.f = f
        results, self.pullback = tapead.vjp(f, *self.arrays)
        self.seeds = [np.ones_like(x) if np.ndim(x) else 1.0 for x in results]

    def time_forward(self, name):
        with tapead.Tape() as tape:
            self.f(*[tape.variable(x) for x in self.arrays])

    def time_pullback(self, name):
        self.pullback(self.seeds)


@versioned()
class Ufunc:
    """What a call of a ufunc adds to NumPy's own: a thousand calls on a new tape."""

    params = (("sin", "tanh", "multiply"), (1, 100))
    param_names = ("name", "n")
    n_calls = 1000

    def setup(self, name, n):
        self.ufunc, self.x = getattr(np, name), np.linspace(0.1, 1.0, n)
        self.steps = {"plain": self.plain, "traced": self.traced}

    def plain(self):
        self.call(self.x)

    def traced(self):
        with tapead.Tape() as tape:
            self.call(tape.variable(self.x))

    def call(self, x):
        ufunc, xs = self.ufunc, (x,) * self.ufunc.nin
        for _ in range(self.n_calls):
            ufunc(*xs)

    def track_ns_over_numpy(self, name, n):
        seconds = fastest(self.steps, rounds=15)
        return 1e9 * (seconds["traced"] - seconds["plain"]) / self.n_calls

    track_ns_over_numpy.unit = "ns"


@versioned()
class Elements:
    """Gradients of loops over the elements of an array: the same for each, however many."""

    params = (("fill", "read"), (10_000, 100_000))
    param_names = ("what", "n")

    def setup(self, what, n):
        x, wanted = np.linspace(0.0, 1.0, n), 2.0 * np.linspace(0.0, 1.0, n)
        self.step = partial(tapead.grad(getattr(self, what)), x)
        check([self.step()], [wanted], what)

    @staticmethod
    def fill(x):
        out = np.zeros_like(x)
        for i, square in enumerate(x * x):
            out[i] = square
        return np.sum(out)

    @staticmethod
    def read(x):
        total = 0.0
        for i in range(len(x)):
            total = total + x[i] * x[i]
        return total

    def track_ns_per_element(self, what, n):
        return 1e9 * fastest({"gradient": self.step})["gradient"] / n

    track_ns_per_element.unit = "ns"


@versioned()
class Granularity:
    """One node for an operation on an array, against one for each of its elements."""

    params = (1, 100, 10_000)
    param_names = ("n",)

    def setup(self, n):
        x = np.linspace(0.1, 2.0, n)
        self.steps = {
            "array": partial(tapead.grad(lambda x: np.sum(np.tanh(x) * x)), x),
            "numbers": partial(tapead.grad(self.by_numbers), x.tolist()),
        }
        wanted = np.tanh(x) + x / np.cosh(x) ** 2
        check([step() for step in self.steps.values()], [wanted, wanted], "granularity")

    @staticmethod
    def by_numbers(xs):
        return sum(tapead.tanh(x) * x for x in xs)

    def track_ratio(self, n):
        seconds = fastest(self.steps)
        return seconds["array"] / seconds["numbers"]

    track_ratio.unit = "x element by element"


@versioned()
class Absence:
    """A product in a sweep whose adjoint has, or may have, absent elements."""

    params = ((False, True), (1000, 100_000))
    param_names = ("may_be_absent", "n")
    n_products = 10

    def setup(self, may_be_absent, n):
        tape = tapead.Tape()
        with tape:
            x = tape.variable(np.linspace(0.1, 2.0, n))
            few, many = self.products(x), self.products(self.products(x))
            results = {"few": few, "many": many}
            if may_be_absent:
                everywhere = np.ones(n, dtype=bool)
                results = {k: np.where(everywhere, y, 0.0) for k, y in results.items()}
        self.steps = {k: partial(tape.gradient, y, x) for k, y in results.items()}

    def products(self, x):
        for k in range(self.n_products):
            x = x * np.full(x.shape, 1.0 + 0.01 * k)
        return x

    def track_ns_per_product_and_element(self, may_be_absent, n):
        seconds = fastest(self.steps, rounds=15)
        return 1e9 * (seconds["many"] - seconds["few"]) / (self.n_products * n)

    track_ns_per_product_and_element.unit = "ns"
