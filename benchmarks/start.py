"""Starting: what ``import tapead`` costs beside the libraries it stands on."""

import importlib
import subprocess
import sys
import time
from functools import partial

from .measure import fastest, versioned


def run(*args):
    subprocess.run([sys.executable, *args], check=True, stdout=subprocess.DEVNULL)


@versioned(run)
class Import:
    def track_ratio(self):
        tapead = partial(run, "-c", "import tapead")
        libraries = partial(run, "-c", "import numpy, scipy.special")
        steps = {"tapead": tapead, "libraries": libraries}
        seconds = fastest(steps, budget=10.0, timer=time.perf_counter)
        return seconds["tapead"] / seconds["libraries"]

    track_ratio.unit = "x numpy and scipy.special"

    def peakmem_reference(self):
        importlib.import_module("numpy")
        importlib.import_module("scipy.special")

    def peakmem_tapead(self):
        importlib.import_module("tapead")


@versioned(run)
class CommandLine:
    def time_help(self):
        run("-m", "tapead", "--help")
