"""What the examples share: tables, bars of characters, and the plot's path."""

import argparse
import importlib.util
import time
from pathlib import Path

import numpy as np


def compare(rows, by_hand="by hand"):
    """Print numbers worked out by hand beside tapead's, and return them.

    Parameters
    ----------
    rows : dict of str to (array_like, array_like)
        By name: what the lecture's formula gives, and what tapead gives. More than 8 numbers
        are printed as their norm.
    by_hand : str
        Title of the first column.

    Returns
    -------
    dict of str to (ndarray, ndarray)
    """
    rows = {name: (np.asarray(a, float), np.asarray(b, float)) for name, (a, b) in rows.items()}
    print(f"{'':24}{by_hand:>18}{'tapead':>18}{'difference':>13}")
    for name, (lecture, ours) in rows.items():
        gap = np.max(np.abs(lecture - ours))
        if lecture.size > 8:
            line(f"norm of {name}", np.linalg.norm(lecture), np.linalg.norm(ours), gap)
            continue
        for i in np.ndindex(lecture.shape):
            index = f"[{','.join(map(str, i))}]" if i else ""
            line(name + index, lecture[i], ours[i], abs(lecture[i] - ours[i]))
    return rows


def line(name, lecture, ours, gap):
    print(f"{name:24}{lecture + 0.0:18.12f}{ours + 0.0:18.12f}{gap:13.1e}")


def race(solve, sources, error):
    """Solve one problem with derivatives from several sources; print what each takes.

    Calls are counted in one solution, time is that of the quickest of three.

    Parameters
    ----------
    solve : callable
        ``solve(fun, jac, *others)``: a result of ``scipy.optimize``.
    sources : dict of str to tuple
        By name: the function, its derivative or a name that SciPy has for differences, and what
        else the problem has of this source.
    error : callable
        ``error(x)``: how far a solution is from what it should be.

    Returns
    -------
    dict of str to scipy.optimize.OptimizeResult
    """
    print(f"{'derivatives':14}{'iterations':>11}{'values':>9}{'others':>8}{'error':>11}{'ms':>9}")
    results = {}
    for name, (fun, jac, *others) in sources.items():
        values, slopes = Calls(fun), Calls(jac) if callable(jac) else jac
        found = results[name] = solve(values, slopes, *others)
        ms = 1e3 * min(_seconds(solve, fun, jac, *others) for _ in range(3))
        n = slopes.n if isinstance(slopes, Calls) else 0
        steps, gap = found.get("nit", ""), error(found.x)
        print(f"{name:14}{steps:11}{values.n:9}{n:8}{gap:11.1e}{ms:9.2f}")
    return results


def _seconds(solve, *source):
    start = time.process_time()
    solve(*source)
    return time.process_time() - start


class Calls:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self.n = f, 0

    def __call__(self, *args):
        self.n += 1
        return self.f(*args)


def peer(name):
    """A module of a library that may be missing; None if it is."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        return None
    return importlib.import_module(name)


def bar(value, low, high, width=40):
    """A bar of characters for a number between two others."""
    share = (value - low) / (high - low)
    return "#" * round(width * min(max(share, 0.0), 1.0))


def figure(plot, **keywords):
    """Matplotlib's figure and axes, if there is a path to save to and Matplotlib; else None."""
    if plot is None:
        return None
    try:
        import matplotlib as mpl
    except ImportError:
        print("no plot: Matplotlib is not installed; pip install 'tapead[nn]' brings it")
        return None
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt.subplots(layout="constrained", **keywords)


def save(fig, plot):
    """Save a figure, close it and say where it is."""
    from matplotlib import pyplot as plt

    fig.savefig(plot, dpi=120)
    plt.close(fig)
    print(f"saved {plot}")


def plot_path(doc):
    """The path after ``--plot`` on the command line, or None."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="save the plot to FILE")
    return parser.parse_args().plot
