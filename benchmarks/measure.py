"""What is timed, and how: checked gradients, the least of interleaved rounds.

Ratios of such minima carry over from one machine to another; times do not.
"""

import gc
import time
from functools import partial
from timeit import Timer

import numpy as np

from .array_peers import ARRAY_REPLAYS, ARRAY_SYSTEMS, NUMPY
from .peers import PLAIN, REPLAYS, SYSTEMS

BLOCK = 0.01  # seconds of calls between two readings of the clock, which costs 0.6 us


def gradient_steps(systems, workload):
    """Return {name: function without arguments} for plain Python and systems that record anew."""
    f, xs = workload.f, workload.xs
    return _checked_steps({system: partial(SYSTEMS[system](f), xs) for system in systems}, workload)


def replay_steps(systems, workload):
    """Return the same for systems that have recorded the workload already."""
    f, xs = workload.f, workload.xs
    return _checked_steps({system: REPLAYS[system](f, xs) for system in systems}, workload)


def _checked_steps(steps, workload):
    plain = partial(workload.f, workload.xs, PLAIN)
    wanted = plain(), workload.gradient(workload.xs)
    for system, step in steps.items():
        check(step(), wanted, system)
    return {"plain": plain, **steps}


def array_gradient_steps(systems, workload):
    """Return {name: function without arguments} for plain NumPy and systems that record anew."""
    return _checked_array_steps(systems, ARRAY_SYSTEMS, workload)


def array_replay_steps(systems, workload):
    """Return the same for systems that have recorded the workload already."""
    return _checked_array_steps(systems, ARRAY_REPLAYS, workload)


def _checked_array_steps(systems, adapters, workload):
    f, params = workload.f, workload.xs
    steps = {system: adapters[system](f, params) for system in systems}
    plain = partial(f, params, NUMPY)
    wanted = plain(), *workload.gradient(params)
    tolerance = 5000 * np.finfo(params[0].dtype).eps  # 1e-12, or 6e-4 in single precision
    for system, step in steps.items():
        value, gradients = step()
        check((value, *gradients), wanted, system, tolerance)
    return {"plain": plain, **steps}


def check(answer, wanted, what, tolerance=1e-12):
    """Raise AssertionError unless an answer, or a tuple of answers, is what was wanted.

    The systems sum in other orders: they differ by up to 6e-15 of the largest entry.
    """
    for a, w in zip(answer, map(np.asarray, wanted), strict=True):
        np.testing.assert_allclose(a, w, rtol=0, atol=tolerance * abs(w).max(), err_msg=what)


def fastest(steps, rounds=7, budget=2.0, timer=time.process_time):
    """Return {name: seconds of one call}: the least over rounds that run A B C A B C.

    The timer counts CPU time, so that other programs on the core do not matter. A slow step takes
    part in as many rounds as its `budget` of seconds allows, at least one.
    """
    gc.collect()
    gc.freeze()  # so that one system does not pay for the modules of the others
    try:
        best = {name: _seconds(step, 1, timer) for name, step in steps.items()}
        calls = {name: max(1, int(BLOCK / t)) for name, t in best.items()}
        for turn in range(rounds):
            for name, step in steps.items():
                if turn * calls[name] * best[name] < budget:
                    best[name] = min(best[name], _seconds(step, calls[name], timer))
    finally:
        gc.unfreeze()
    return best


def _seconds(step, calls, timer):
    # timeit turns garbage collection off; a system that makes cycles has to pay for them
    return Timer(step, gc.enable, timer=timer).timeit(calls) / calls
