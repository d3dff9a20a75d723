"""Memory: bytes of an operation in a tape or program, and at the peak of a gradient or step."""

import multiprocessing
import re
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import tapead

from .array_systems import ARRAY_REPLAYS, ARRAY_SYSTEMS, NUMPY
from .array_workloads import ARRAY_WORKLOADS
from .build import RECORDABLE
from .measure import some, versioned
from .second_order_systems import record
from .systems import require
from .training import TRAININGS, batch_of, net_of
from .workloads import WORKLOADS


@versioned(WORKLOADS)
class Tape:
    """Bytes of a tape over the operations that the function recorded there."""

    params = some(RECORDABLE)
    param_names = ("workload",)

    def setup(self, workload):
        f, xs = WORKLOADS[workload].f, WORKLOADS[workload].xs
        with tapead.Tape() as self.tape:
            f([self.tape.variable(x) for x in xs], tapead)

    def track_bytes_per_operation(self, workload):
        return self.tape.nbytes / len(self.tape)

    track_bytes_per_operation.unit = "B"


@versioned(WORKLOADS)
class Program:
    """Bytes of a program and of its gradient, with the slots that they run in."""

    params = some(RECORDABLE)
    param_names = ("workload",)

    def setup(self, workload):
        self.program = record(WORKLOADS[workload].f, WORKLOADS[workload].xs)

    def track_bytes_per_instruction(self, workload):
        return self.of(self.program)

    track_bytes_per_instruction.unit = "B"

    def track_gradient_bytes_per_instruction(self, workload):
        return self.of(self.program.gradient())

    track_gradient_bytes_per_instruction.unit = "B"

    @staticmethod
    def of(program):
        stats = program.stats()
        return stats["bytes"] / stats["instructions"]


@versioned(ARRAY_WORKLOADS)
class Peak:
    """Bytes at the peak: `peakmem_reference` has the system loaded and the function called."""

    params = (tuple(ARRAY_SYSTEMS), some(ARRAY_WORKLOADS))
    param_names = ("system", "workload")
    timeout = 120
    adapters = ARRAY_SYSTEMS

    def setup(self, system, workload):
        require(system)
        f, params = ARRAY_WORKLOADS[workload].f, ARRAY_WORKLOADS[workload].xs
        self.plain = partial(f, params, NUMPY)
        self.step = self.adapters[system](f, params)  # peers.Arrays checks what it returns
        self.plain()

    def peakmem_reference(self, system, workload):
        self.plain()

    def peakmem_value_and_grad(self, system, workload):
        self.step()


@versioned(ARRAY_WORKLOADS)
class ReplayPeak(Peak):
    """The same of systems that have recorded."""

    params = (tuple(ARRAY_REPLAYS), some(ARRAY_WORKLOADS))
    adapters = ARRAY_REPLAYS


def peaks(system, workload):
    """Return by how many bytes the plain function, and then its gradient, raise the peak."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_peaks, system, workload).result()


def _peaks(system, workload):
    f, params = ARRAY_WORKLOADS[workload].f, ARRAY_WORKLOADS[workload].xs
    step = ARRAY_SYSTEMS[system](f, params)
    ARRAY_SYSTEMS[system](*_small())()  # what a first call imports is not the workload's
    return _rise(partial(f, params, NUMPY)), _rise(step)


def _small():
    return ARRAY_WORKLOADS["tanh-chain-1"][:2]


def _rise(step):
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is what there is now
    before = _peak()
    step()
    return _peak() - before


def _peak():
    """Return the most memory that this process has held, which getrusage confuses with others'."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status)[1])


def step_bytes(training):
    """Return the bytes at the peak of a compiled step, and of what no step can do without.

    That is parameters, the optimiser's state, and the arrays between layers. The peak is that of
    NumPy's arrays, of which gradients and spare arrays are part, and all of the program: its memory
    for intermediate values is its own, which tracemalloc does not see.
    """
    from tapead import nn, optim

    batch = batch_of(training)
    tracemalloc.start()
    try:
        net = net_of(training)
        optimizer = getattr(optim, training.optimiser)(net.parameters())
        loss = nn.cross_entropy if batch[1].ndim == 1 else nn.binary_cross_entropy_with_logits
        step = nn.compile_step(net, loss, optimizer)
        for _ in range(2):
            step(*batch)
        tracemalloc.reset_peak()
        step(*batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    needed = sum(p.value.nbytes for p in net.parameters()) + _between(net, batch[0])
    needed += sum(x.nbytes for x in optimizer.state_dict().values())
    peak += sum(program.replay.nbytes for program in step.programs.values())
    return peak, needed


def _between(net, x):
    """Bytes of what each layer makes of a batch."""
    total = 0
    for layer in net.eval():
        x = np.asarray(layer(x))
        total += x.nbytes if x.base is None else 0
    return total


@versioned(repr(TRAININGS), net_of, batch_of, step_bytes)
class TrainingStepMemory:
    """Bytes at the peak of a compiled step over those of parameters, state and activations."""

    params = some(TRAININGS)
    param_names = ("training",)
    timeout = 120

    def track_over_needed(self, training):
        peak, needed = step_bytes(TRAININGS[training])
        return peak / needed

    track_over_needed.unit = "x parameters, state and activations"
