"""Symbol to number beside symbol to symbol: the gradient graph printed as a graph.

Lecture 1 (Chicago), "Symbol to Symbol" (the figure is Goodfellow's): z = f(f(f(w))) with x = f(w),
y = f(x), z = f(y), so that

    dz/dw = f'(f(f(w))) f'(f(w)) f'(w).

One way puts numbers into the adjoints at once: a trace. The other "adds nodes to the graph that
describe how to compute derivatives", and a graph evaluation engine runs it: `Program.gradient` is
a program, which has a gradient again. ``--plot FILE`` writes the graph in Graphviz's language.
"""

import numpy as np
from side_by_side import compare, plot_path

import tapead


def z(w):
    """Three times f, which is sin."""
    x = np.sin(w)
    y = np.sin(x)
    return np.sin(y)


def by_hand(w):
    """Both derivatives by the chain rule, written out."""
    x, y = np.sin(w), np.sin(np.sin(w))
    first = np.cos(y) * np.cos(x) * np.cos(w)
    dx, dy = np.cos(w), np.cos(x) * np.cos(w)
    second = (
        -np.sin(y) * dy * np.cos(x) * np.cos(w)
        - np.cos(y) * np.sin(x) * dx * np.cos(w)
        - np.cos(y) * np.cos(x) * np.sin(w)
    )
    return first, second


def main(plot=None):
    """Print trace, program and gradient program; return what is compared."""
    w = 0.7
    print(f"symbol to number, at w = {w}:\n{tapead.trace(z, w).to_text()}")
    program = tapead.record(z, w)
    gradient = program.gradient()
    print(f"\nsymbol to symbol: the graph\n{program.to_text()}")
    print(f"and the graph of its gradient, without a number in it\n{gradient.to_text()}")
    if plot is None:
        print(f"the same for Graphviz\n{gradient.to_dot()}")
    else:
        plot.write_text(gradient.to_dot(), encoding="utf-8")
        print(f"saved {plot}")
    rows = {"dz/dw by the trace": (by_hand(w)[0], tapead.trace(z, w).gradient["w"])}
    for at in (w, -1.3):
        first, second = by_hand(at)
        rows[f"dz/dw at {at}"] = (first, gradient(at))
        rows[f"d2z/dw2 at {at}"] = (second, gradient.gradient()(at))
    return compare(rows) | {"text": gradient.to_text(), "dot": gradient.to_dot()}


if __name__ == "__main__":
    main(plot_path(__doc__))
