"""The chain rule over several paths, max(0, t**2) and sin(t) / t.

Lecture 1 (Chicago), "Multiple Paths": dz/dx = sum_j dz/dy_j dy_j/dx. Lecture 3 (computational
graphs) has the two examples: h(t) = max(0, t**2) with h' = 1{t**2 >= 0} 2 t, and sin(t) / t as the
product of v1 = sin(t) and v2 = 1 / t, with

    h' = v2 cos(t) + v1 (-1 / t**2).

The trace shows both paths: the adjoint of t is written to once for each.
"""

import numpy as np
from side_by_side import compare

import tapead


def three_paths(x):
    """z = y1 y2 + y3 of y1 = x**2, y2 = sin(x), y3 = exp(x)."""
    return x**2 * np.sin(x) + np.exp(x)


def squared(t):
    return np.maximum(0.0, t**2)


def quotient(t):
    return np.sin(t) * (1.0 / t)


def main():
    """Print the trace of sin(t) / t, and all derivatives; return what is compared."""
    t = 1.25
    print(tapead.trace(quotient, t).to_text())
    y1, y2 = t**2, np.sin(t)
    paths = {"x**2": y2 * 2.0 * t, "sin(x)": y1 * np.cos(t), "exp(x)": np.exp(t)}
    print("\npath through   contributes")
    for name, value in paths.items():
        print(f"{name:14}{value:12.8f}")
    print()
    rows = {"three paths": (sum(paths.values(), 0.0), tapead.grad(three_paths)(t))}
    for at in (-1.5, 0.0, 2.0):
        rows[f"max(0, t^2) at {at:g}"] = (float(at**2 >= 0.0) * 2.0 * at, tapead.grad(squared)(at))
    for at in (-2.0, 0.5, t):
        hand = np.cos(at) / at - np.sin(at) / at**2
        rows[f"sin(t)/t at {at:g}"] = (hand, tapead.grad(quotient)(at))
    return compare(rows)


if __name__ == "__main__":
    main()
