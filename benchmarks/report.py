"""The record of each system as a Markdown table: ``python benchmarks/report.py``."""

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # last, so that an installed tapead goes before the sources
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import fastest, gradient_steps
from benchmarks.peers import SYSTEMS, is_missing
from benchmarks.workloads import WORKLOADS


def main():
    args = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(line(["workload", "plain us", *args.systems, "bound"]))
    print(line(["---", *["--:"] * (len(args.systems) + 2)]))
    for name in args.workloads:
        print(line(row(name, args.systems, args.rounds)), flush=True)


def row(name, systems, rounds):
    """Return the cells of one workload: plain time, then each system's time over it."""
    workload = WORKLOADS[name]
    present = [system for system in systems if not is_missing(system)]
    seconds = fastest(gradient_steps(present, workload), rounds)
    ratios = {system: figure(seconds[system] / seconds["plain"]) for system in present}
    cells = [ratios.get(system, "missing") for system in systems]
    return [name, figure(1e6 * seconds["plain"]), *cells, f"{workload.bound:g}"]


def figure(x):
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


def line(cells):
    return f"| {' | '.join(cells)} |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns each system takes")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    return parser.parse_args()


if __name__ == "__main__":
    main()
