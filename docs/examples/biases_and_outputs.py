"""Biases and several outputs: the two exercises of the lecture.

Lecture 1 (Chicago), "What did we miss?": "What if there are multiple outputs?" and "Add bias
neurons. What changes?" With L = sum_k (y_hat_k - y_k)**2,

    error_k = 2 (y_hat_k - y_k),
    error_j = (sum_k error_k W2_jk) (1 - tanh(a_j)**2),     the errors of all outputs, added,
    dL/db_j = error_j,                                      the local input of a bias is 1.

So a bias is a weight from a neuron that is always 1, which the last rows of the table check.
"""

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=3), RNG.normal(size=2)
W1, B1 = RNG.normal(size=(3, 2)), RNG.normal(size=2)
W2, B2 = RNG.normal(size=(2, 2)), RNG.normal(size=2)


def loss(w1, b1, w2, b2):
    return np.sum((np.tanh(X @ w1 + b1) @ w2 + b2 - Y) ** 2)


def with_bias_neurons(v1, v2):
    """The same network, whose first row of weights comes from a neuron that is 1."""
    z = np.tanh(np.append(1.0, X) @ v1)
    return np.sum((np.concatenate([np.ones(1), z]) @ v2 - Y) ** 2)


def main():
    """Print the gradients of both forms; return what is compared."""
    gradients = tapead.grad(loss, argnums=(0, 1, 2, 3))(W1, B1, W2, B2)
    z = np.tanh(X @ W1 + B1)
    outer = 2.0 * (z @ W2 + B2 - Y)
    inner = (W2 @ outer) * (1.0 - z**2)
    hand = np.outer(X, inner), inner, np.outer(z, outer), outer
    names = "dL/dW1", "dL/db1", "dL/dW2", "dL/db2"
    rows = dict(zip(names, zip(hand, gradients, strict=True), strict=True))
    stacked = np.vstack([B1, W1]), np.vstack([B2, W2])
    v1_bar, v2_bar = tapead.grad(with_bias_neurons, argnums=(0, 1))(*stacked)
    neurons = {
        "bias neuron, hidden": (inner, v1_bar[0]),
        "bias neuron, output": (outer, v2_bar[0]),
    }
    return compare(rows | neurons)


if __name__ == "__main__":
    main()
