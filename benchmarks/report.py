"""Each system beside plain Python, as Markdown tables: ``python benchmarks/report.py``.

Loops over numbers by systems that record in each call and by those that record once; then the same
two of NumPy code on arrays, and the memory at the peak of its gradients; and training steps beside
those of PyTorch and JAX, on one thread or several.
"""

import argparse
import sys
from pathlib import Path

if __name__ == "__main__":  # last, so that an installed tapead goes before the sources
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.array_peers import ARRAY_REPLAYS, ARRAY_SYSTEMS
from benchmarks.array_workloads import ARRAY_WORKLOADS
from benchmarks.measure import (
    array_gradient_steps,
    array_replay_steps,
    fastest,
    gradient_steps,
    replay_steps,
)
from benchmarks.memory import peaks, step_bytes
from benchmarks.peers import REPLAYS, SYSTEMS, is_missing
from benchmarks.threads import set_threads, timer_for
from benchmarks.training import TRAINING_SYSTEMS, TRAININGS, training_steps
from benchmarks.workloads import WORKLOADS

TABLES = {  # name: option, systems, workloads, what makes their steps, the bound
    "record": ("systems", SYSTEMS, WORKLOADS, gradient_steps, "bound"),
    "replay": ("replays", REPLAYS, WORKLOADS, replay_steps, "replay_bound"),
    "arrays": ("systems", ARRAY_SYSTEMS, ARRAY_WORKLOADS, array_gradient_steps, "bound"),
    "arrays-replay": (
        "replays",
        ARRAY_REPLAYS,
        ARRAY_WORKLOADS,
        array_replay_steps,
        "replay_bound",
    ),
}
MEMORY, TRAINING = "arrays-memory", "training"
EVERYTHING = {
    "systems": [*SYSTEMS, *ARRAY_SYSTEMS],
    "replays": [*REPLAYS, *ARRAY_REPLAYS],
    "workloads": [*WORKLOADS, *ARRAY_WORKLOADS],
    "trainings": [*TRAININGS],
    "tables": [*TABLES, MEMORY, TRAINING],
}


def main():
    args = arguments()
    set_threads(args.threads)
    for name, (option, systems, *columns) in TABLES.items():
        if name in args.tables:
            table([s for s in systems if s in getattr(args, option)], *columns, args)
    if MEMORY in args.tables:
        memory_table([s for s in ARRAY_SYSTEMS if s in args.systems], args)
    if TRAINING in args.tables:
        training_table(args)


def table(systems, workloads, make_steps, bound, args):
    present = head("plain us", systems, "bound")
    for name in (name for name in workloads if name in args.workloads):
        workload = workloads[name]
        seconds = fastest(make_steps(present, workload), args.rounds)
        plain = seconds["plain"]
        ratios = row({s: seconds[s] / plain for s in present}, systems)
        limit = figure(getattr(workload, bound))
        print(line([name, figure(1e6 * plain), *ratios, limit]), flush=True)
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
    titles = ["workload", first, *systems, *more]
    print(line(titles))
    print(line(["---", *["--:"] * (len(titles) - 1)]))
    return [system for system in systems if not is_missing(system)]


def row(figures, systems):
    """Return the cells of the systems: a figure for each that is installed."""
    return [figure(figures[s]) if s in figures else "missing" for s in systems]


def figure(x):
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


def line(cells):
    return f"| {' | '.join(cells)} |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns each system takes")
    parser.add_argument("--threads", type=int, default=1, help="of each training step")
    for name, choices in EVERYTHING.items():
        unique = list(dict.fromkeys(choices))
        parser.add_argument(f"--{name}", nargs="+", choices=unique, default=unique)
    return parser.parse_args()


if __name__ == "__main__":
    main()
