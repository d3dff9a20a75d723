"""Building: the size of the extension modules, and the time that programs take to be made."""

import importlib.machinery
from functools import partial
from pathlib import Path

import tapead

from .measure import check, fastest, gradient_steps, some, versioned
from .scalar_systems import PLAIN
from .second_order_systems import record
from .workloads import WORKLOADS

RECORDABLE = tuple(name for name in WORKLOADS if name != "rosenbrock-10000")  # 1000 tells the same


@versioned()
class Extensions:
    """The compiled modules as they are installed."""

    def track_bytes(self):
        return sum(path.stat().st_size for path in self.modules())

    track_bytes.unit = "B"

    def track_largest(self):
        return max(path.stat().st_size for path in self.modules())

    track_largest.unit = "B"

    def modules(self):
        suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
        paths = Path(tapead.__file__).parent.rglob("*")
        return [path for path in paths if path.name.endswith(suffixes)]


@versioned(WORKLOADS)
class Program:
    """A new program up to its first gradient: recording, derivation, passes, one replay."""

    params = some(RECORDABLE)
    param_names = ("workload",)

    def setup(self, workload):
        workload = WORKLOADS[workload]
        self.steps = gradient_steps(["tapead"], workload)
        self.steps["record"] = partial(record, workload.f, workload.xs)
        self.steps["first"] = lambda: record(workload.f, workload.xs).value_and_grad(workload.xs)
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


@versioned(WORKLOADS)
class Compile:
    """A function given to ``tapead.compile``, up to its first value and its first gradient."""

    params = some(RECORDABLE)
    param_names = ("workload",)

    def setup(self, workload):
        self.f, self.xs = WORKLOADS[workload].f, WORKLOADS[workload].xs

    def compile(self):
        return tapead.compile(lambda xs: self.f(xs, tapead))

    def time_value(self, workload):
        self.compile()(self.xs)

    def time_gradient(self, workload):
        tapead.value_and_grad(self.compile())(self.xs)

    def time_record(self, workload):
        record(self.f, self.xs)
