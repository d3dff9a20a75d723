"""H = max(0, X W + b): a layer as a graph, and its three adjoints.

Lecture 1 (Chicago), "Computational Graphs": MM, +, and ReLU. With M = 1 where X W + b > 0 and an
adjoint H_bar that arrives from above,

    X_bar = (H_bar * M) W',     W_bar = X' (H_bar * M),     b_bar = the column sums of H_bar * M.

The slope at the kink itself is a choice: `tapead.relu` takes 0 there, and `np.maximum`, which sees
a tie of two arguments, shares evenly.
"""

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(4)
X, W, B = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=4)
H_BAR = RNG.normal(size=(5, 4))


def layer(x, w, b):
    return np.maximum(0.0, x @ w + b)


def main():
    """Print which units are active and the adjoints; return what is compared."""
    h, pullback = tapead.vjp(layer, X, W, B)
    mask = X @ W + B > 0.0
    print("active units of each example:")
    for row, values in zip(mask, h, strict=True):
        print("  " + " ".join("*" if on else "." for on in row), values.round(3))
    passed = H_BAR * mask
    hand = passed @ W.T, X.T @ passed, passed.sum(axis=0)
    print()
    pairs = zip(hand, pullback(H_BAR), strict=True)
    rows = compare(dict(zip(("X_bar", "W_bar", "b_bar"), pairs, strict=True)))
    kink = tapead.grad(tapead.relu)(0.0), tapead.grad(lambda z: np.maximum(0.0, z))(0.0)
    print(f"\nslope at 0: {kink[0]} of relu, {kink[1]} of maximum")
    return rows | {"kink": kink}


if __name__ == "__main__":
    main()
