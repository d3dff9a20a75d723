"""Memory at the peak of a gradient, each measured in a process of its own."""

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from .array_peers import ARRAY_SYSTEMS, NUMPY
from .array_workloads import ARRAY_WORKLOADS


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
