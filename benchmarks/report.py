"""Each system beside plain Python, as Markdown tables: ``python benchmarks/report.py``.

Loops over numbers by systems that record in each call and by those that record once; then the same
two of NumPy code on arrays, and the memory at the peak of its gradients; derivatives of the second
order and many points; and training steps beside those of PyTorch and JAX, on one thread or several.
A table of all systems and workloads replaces that of its name in ``docs/figures/speed.md``, whose
chart and whose part in README.md are made anew.
"""

import argparse
import contextlib
import io
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # last, so that an installed tapead goes before the sources
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import pages
from benchmarks.array_systems import ARRAY_REPLAYS, ARRAY_SYSTEMS
from benchmarks.array_workloads import ARRAY_WORKLOADS
from benchmarks.measure import (
    array_gradient_steps,
    array_replay_steps,
    fastest,
    gradient_steps,
    problem_steps,
    replay_steps,
)
from benchmarks.memory import peaks, step_bytes
from benchmarks.scalar_systems import REPLAYS, SYSTEMS, declines
from benchmarks.second_order_systems import PROBLEM_SYSTEMS, PROBLEMS
from benchmarks.systems import is_missing
from benchmarks.threads import set_threads, timer_for
from benchmarks.training import TRAINING_SYSTEMS, TRAININGS, training_steps
from benchmarks.workloads import WORKLOADS

TABLES = {  # name: option, systems, workloads, what makes their steps, whose bounds
    "record": ("systems", SYSTEMS, WORKLOADS, gradient_steps, ""),
    "replay": ("replays", REPLAYS, WORKLOADS, replay_steps, "replay_"),
    "arrays": ("systems", ARRAY_SYSTEMS, ARRAY_WORKLOADS, array_gradient_steps, ""),
    "arrays-replay": (
        "replays",
        ARRAY_REPLAYS,
        ARRAY_WORKLOADS,
        array_replay_steps,
        "replay_",
    ),
}
MEMORY, PROBLEM, TRAINING = "arrays-memory", "second-order", "training"
EVERYTHING = {
    "systems": [*SYSTEMS, *ARRAY_SYSTEMS, *PROBLEM_SYSTEMS],
    "replays": [*REPLAYS, *ARRAY_REPLAYS],
    "workloads": [*WORKLOADS, *ARRAY_WORKLOADS, *PROBLEMS],
    "trainings": [*TRAININGS],
    "tables": [*TABLES, MEMORY, PROBLEM, TRAINING],
}


def main():
    args = arguments()
    set_threads(args.threads)
    if args.threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in args.tables:
        print(f"{pages.TITLES[name]}\n")
        with printed() as markdown:
            print_table(name, args)
        if args.write:
            pages.write(name, markdown.getvalue().strip())


def print_table(name, args):
    if name == MEMORY:
        memory_table([s for s in ARRAY_SYSTEMS if s in args.systems], args)
    elif name == PROBLEM:
        problem_table([s for s in PROBLEM_SYSTEMS if s in args.systems], args)
    elif name == TRAINING:
        training_table(args)
    else:
        option, systems, *columns = TABLES[name]
        table([s for s in systems if s in getattr(args, option)], *columns, args)


class Tee(io.StringIO):
    """Keeps what is printed."""

    def write(self, text):
        sys.__stdout__.write(text)
        return super().write(text)

    def flush(self):
        sys.__stdout__.flush()


def printed():
    return contextlib.redirect_stdout(Tee())


def table(systems, workloads, make_steps, bounds, args):
    present = head("plain us", systems, "target", "floor")
    for name in (name for name in workloads if name in args.workloads):
        workload = workloads[name]
        able = [s for s in present if not declines(s, name)]
        seconds = fastest(make_steps(able, workload), args.rounds)
        plain = seconds["plain"]
        ratios = row({s: seconds[s] / plain for s in able}, systems)
        limits = [figure(getattr(workload, bounds + name)) for name in ("bound", "floor")]
        print(line([name, figure(1e6 * plain), *ratios, *limits]), flush=True)
    print()


def problem_table(systems, args):
    """Print microseconds, those of many paths for each of them."""
    present = head(None, systems, "target", "floor")
    for name in (name for name in PROBLEMS if name in args.workloads):
        problem, steps = PROBLEMS[name](), {}
        for system in present:
            with contextlib.suppress(NotImplementedError):  # it has no function for this
                steps |= problem_steps([system], problem)
        seconds = fastest(steps, args.rounds)
        cells = row({s: 1e6 * seconds[s] / problem.calls for s in steps}, systems)
        limits = figure(problem.bound), figure(problem.floor)
        print(line([name, *cells, *limits]), flush=True)
    print()


def memory_table(systems, args):
    """Print the megabytes by which the plain function and each gradient raise the peak."""
    present = head("plain MB", systems)
    for name in (name for name in ARRAY_WORKLOADS if name in args.workloads):
        megabytes = {s: [x / 2**20 for x in peaks(s, name)] for s in present}
        plain = max(of_plain for of_plain, _ in megabytes.values())
        rises = row({s: rise for s, (_, rise) in megabytes.items()}, systems)
        print(line([name, figure(plain), *rises]), flush=True)
    print()


def training_table(args):
    """Print PyTorch's time over that of each step, from one run: above 1 is faster.

    Then JAX's time over that of the compiled step, and the bytes at the peak of that step over
    those of parameters, the optimiser's state and what is between layers.
    """
    others = [s for s in TRAINING_SYSTEMS if s != "torch"]
    present = head("torch us", others, "least", "over jax", "least", "memory")
    for name, training in TRAININGS.items():
        if name in args.trainings and not is_missing("torch"):
            steps = training_steps(["torch", *present], training, args.threads)
            seconds = fastest(steps, args.rounds, timer=timer_for(args.threads))
            ratios = row({s: seconds["torch"] / seconds[s] for s in present}, others)
            over = {s: seconds[s] / seconds["tapead"] for s in present if s == "jax"}
            over = row(over, ["jax"])
            peak, needed = step_bytes(training)
            rest = figure(training.bound), *over, figure(training.jax_bound), figure(peak / needed)
            print(line([name, figure(1e6 * seconds["torch"]), *ratios, *rest]), flush=True)
    print()


def head(first, systems, *more):
    """Print the head of a table; return the systems that are installed."""
    titles = ["workload", *([first] if first else []), *systems, *more]
    print(line(titles))
    print(line(["---", *["--:"] * (len(titles) - 1)]))
    return [system for system in systems if not is_missing(system)]


def row(figures, systems):
    """Return the cells of the systems: a figure for each that is installed and able."""
    return [cell(system, figures) for system in systems]


def cell(system, figures):
    if system not in figures:
        return "missing (n/a)" if is_missing(system) else "n/a"
    return f"**{figure(figures[system])}**" if system == "tapead" else figure(figures[system])


def figure(x):
    if x is None:
        return "n/a"
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


def line(cells):
    return f"| {' | '.join(cells)} |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns each system takes")
    parser.add_argument("--threads", type=int, default=1, help="of each training step")
    parser.add_argument("--print-only", action="store_true", help="leave docs and README alone")
    choices = {name: list(dict.fromkeys(every)) for name, every in EVERYTHING.items()}
    for name, every in choices.items():
        parser.add_argument(f"--{name}", nargs="+", choices=every, default=every)
    args = parser.parse_args()
    whole = all(getattr(args, name) == every for name, every in choices.items() if name != "tables")
    args.write = whole and args.threads == 1 and not args.print_only
    return args


if __name__ == "__main__":
    main()
