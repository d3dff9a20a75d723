"""Each system beside plain Python, as Markdown tables: ``python benchmarks/report.py``.

The first table is of systems that record in each call, the second of those that record once.
"""

import argparse
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # last, so that an installed tapead goes before the sources
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import fastest, gradient_steps, replay_steps
from benchmarks.peers import REPLAYS, SYSTEMS, is_missing
from benchmarks.workloads import WORKLOADS


def main():
    args = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if "record" in args.tables:
        table(args.systems, gradient_steps, "bound", args)
    if "replay" in args.tables:
        table(args.replays, replay_steps, "replay_bound", args)


def table(systems, make_steps, bound, args):
    print(line(["workload", "plain us", *systems, "bound"]))
    print(line(["---", *["--:"] * (len(systems) + 2)]))
    present = [system for system in systems if not is_missing(system)]
    for name in args.workloads:
        workload = WORKLOADS[name]
        seconds = fastest(make_steps(present, workload), args.rounds)
        cells = [name, *row(seconds, systems), f"{getattr(workload, bound):g}"]
        print(line(cells), flush=True)
    print()


def row(seconds, systems):
    """Return the cells of one workload: plain time, then each system's time over it."""
    plain = seconds["plain"]
    ratios = [figure(seconds[s] / plain) if s in seconds else "missing" for s in systems]
    return [figure(1e6 * plain), *ratios]


def figure(x):
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


def line(cells):
    return f"| {' | '.join(cells)} |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="turns each system takes")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--replays", nargs="+", choices=REPLAYS, default=list(REPLAYS))
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    tables = "record", "replay"
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables)
    return parser.parse_args()


if __name__ == "__main__":
    main()
