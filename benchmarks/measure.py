"""What is timed, and how: checked gradients, the least of interleaved rounds.

Ratios of such minima carry over from one machine to another; times do not.
"""

import gc
import hashlib
import inspect
import io
import itertools
import os
import textwrap
import time
import tokenize
from functools import partial
from timeit import Timer

import numpy as np

from .array_systems import ARRAY_REPLAYS, ARRAY_SYSTEMS, NUMPY
from .scalar_systems import PLAIN, REPLAYS, SYSTEMS

EVERY = int(os.environ.get("TAPEAD_BENCHMARK_EVERY", "1"))  # a smoke run takes every so many rows
ROUNDS = 7 if EVERY == 1 else 1
BLOCK = 0.01  # seconds of calls between two readings of the clock, which costs 0.6 us


def some(names):
    """Return names, or every so many of them in a smoke run."""
    return tuple(names)[::EVERY]


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


def problem_steps(systems, problem):
    """Return the same for systems that solve a problem of the second order."""
    steps = {system: problem.adapters[system](*problem.args) for system in systems}
    wanted = problem.wanted()
    for system, step in steps.items():
        answer = step()
        answer = answer if isinstance(answer, (tuple, list)) else (answer,)
        check([np.squeeze(_full(a)) for a in answer], wanted, system)
    return steps


def _full(answer):
    return answer.toarray() if hasattr(answer, "toarray") else answer


def check(answer, wanted, what, tolerance=1e-12):
    """Raise AssertionError unless an answer, or a tuple of answers, is what was wanted.

    The systems sum in other orders: they differ by up to 6e-15 of the largest entry.
    """
    for a, w in zip(answer, map(np.asarray, wanted), strict=True):
        np.testing.assert_allclose(a, w, rtol=0, atol=tolerance * abs(w).max(), err_msg=what)


def fastest(steps, rounds=ROUNDS, budget=2.0, timer=time.process_time):
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


def versioned(*sources):
    """Give the benchmarks of a class a version of what they run, which asv keeps with results.

    asv itself would look at the method and its setup alone. Results of another version are not
    compared. What counts are the class with its bases, the clock of this module, and `sources`:
    functions, classes, tables of workloads, text. Comments, docstrings and layout do not.
    """

    def decorate(cls):
        bases = [c for c in cls.__mro__[:-1] if c.__module__.startswith(__package__)]
        cls.version = digest(*bases, fastest, _seconds, str(BLOCK), *sources)
        return cls

    return decorate


def digest(*sources):
    found = hashlib.sha256()
    for text in itertools.chain.from_iterable(map(_texts, sources)):
        found.update(text.encode())
    return found.hexdigest()[:16]


def _texts(source):
    if isinstance(source, str):
        yield source
    elif isinstance(source, dict):
        for name, workload in sorted(source.items()):
            yield f"{name} {[np.shape(x) for x in workload.xs]}"
            yield from _texts(workload.f)
    elif isinstance(source, partial):
        yield from _texts(source.func)
        yield str({name: np.shape(data) for name, data in sorted(source.keywords.items())})
    else:
        yield from _code(inspect.getsource(source))


def _code(source):
    """Yield the tokens that matter."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    starts_line = True
    for token in tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline):
        if token.type not in skipped and not (token.type == tokenize.STRING and starts_line):
            yield token.string
        if token.type != tokenize.COMMENT:
            starts_line = token.type in skipped
