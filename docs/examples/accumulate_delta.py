"""The backpropagation algorithm of the lecture, which accumulates Delta over the examples.

Lecture 2 (neural networks), "Backpropagation": set Delta = 0; for each (x, y) run forward, take
the error a - y of the last layer, pass errors down, and add error_i a_j to Delta_ij; in the end

    D_ij = Delta_ij / n + lambda Theta_ij for j != 0,       Delta_ij / n for the bias j = 0,

"the matrix of partial derivatives of J". J itself is then mean cross-entropy plus
lambda / 2 sum Theta_ij**2 without the biases, and tapead differentiates that.
"""

import numpy as np
from side_by_side import compare

import tapead
from tapead import nn

RNG = np.random.default_rng(9)
X, Y = RNG.normal(size=(8, 3)), RNG.integers(0, 2, size=(8, 1)).astype(float)
THETA = [RNG.normal(size=(4, 4)), RNG.normal(size=(3, 5)), RNG.normal(size=(1, 4))]
LAMBDA = 0.1


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def accumulated(thetas, xs, ys):
    """D by the lecture's algorithm, one example at a time; column 0 of Theta has the biases."""
    sums = [np.zeros_like(theta) for theta in thetas]
    for x, y in zip(xs, ys, strict=True):
        activities = [np.append(1.0, x)]
        for theta in thetas:
            activities.append(np.append(1.0, sigmoid(theta @ activities[-1])))
        error = activities[-1][1:] - y
        for layer in reversed(range(len(thetas))):
            a = activities[layer]
            sums[layer] += np.outer(error, a)
            error = (a * (1.0 - a) * (thetas[layer].T @ error))[1:]
    n = len(xs)
    decays = [LAMBDA * np.column_stack([0.0 * t[:, 0], t[:, 1:]]) for t in thetas]
    return [total / n + decay for total, decay in zip(sums, decays, strict=True)]


def j(thetas):
    """The regularised cost, of all examples at once."""
    a = X
    for theta in thetas[:-1]:
        a = tapead.sigmoid(a @ theta[:, 1:].T + theta[:, 0])
    z = a @ thetas[-1][:, 1:].T + thetas[-1][:, 0]
    decay = sum(np.sum(theta[:, 1:] ** 2) for theta in thetas)
    return nn.binary_cross_entropy_with_logits(z, Y) + 0.5 * LAMBDA * decay


def main():
    """Print D beside the gradient of J, then descend along it; return what is compared."""
    rows = {}
    for i, (d, ours) in enumerate(
        zip(accumulated(THETA, X, Y), tapead.grad(j)(THETA), strict=True), 1
    ):
        rows[f"D{i} biases"] = (d[:, 0], ours[:, 0])
        rows[f"D{i} weights"] = (d[:, 1:], ours[:, 1:])
    rows = compare(rows)
    thetas = [theta.copy() for theta in THETA]
    costs = []
    for _ in range(200):
        costs.append(float(j(thetas)))
        for theta, d in zip(thetas, accumulated(thetas, X, Y), strict=True):
            np.subtract(theta, 0.5 * d, out=theta)
    print("\nJ along 200 steps:", *(f"{costs[i]:.4f}" for i in (0, 10, 50, 100, 199)))
    return rows | {"costs": costs}


if __name__ == "__main__":
    main()
