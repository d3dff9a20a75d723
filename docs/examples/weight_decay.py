"""The MLP's graph with cross-entropy and weight decay: both paths into W.

Lecture 1 (Chicago), "Computational Graph for a MLP" (the figure is Goodfellow's): H = relu(X W1),
U2 = H W2, J = J_MLE + lambda (sum W1**2 + sum W2**2). Two paths lead from J to each W:

    dJ/dW2 = H' G + 2 lambda W2,                G = (softmax(U2) - onehot(y)) / n,
    dJ/dW1 = X' ((G W2') * 1{H > 0}) + 2 lambda W1.

In the trace the adjoint of each W is written to twice, once for each path. `stop_gradient` cuts
one of them, and what is left of the gradient is the other.
"""

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(6, 4)), np.array([0, 2, 1, 2, 0, 1])
W1, W2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
LAMBDA = 0.05


def j_mle(w1, w2):
    u2 = np.maximum(0.0, X @ w1) @ w2
    return -np.mean(tapead.log_softmax(u2, axis=1)[np.arange(len(Y)), Y])


def decay(w1, w2):
    return LAMBDA * (np.sum(w1**2) + np.sum(w2**2))


def j(w1, w2):
    return j_mle(w1, w2) + decay(w1, w2)


def j_without_decay(w1, w2):
    return j_mle(w1, w2) + decay(tapead.stop_gradient(w1), tapead.stop_gradient(w2))


def j_by_decay_only(w1, w2):
    return j_mle(tapead.stop_gradient(w1), tapead.stop_gradient(w2)) + decay(w1, w2)


def by_hand():
    """Both gradients through the cross-entropy."""
    h = np.maximum(0.0, X @ W1)
    p = np.exp(h @ W2)
    g = (p / p.sum(axis=1, keepdims=True) - np.eye(3)[Y]) / len(Y)
    return X.T @ ((g @ W2.T) * (h > 0.0)), h.T @ g


def main():
    """Print where the trace adds to the adjoints of W, and all gradients; return the numbers."""
    lines = tapead.trace(j, W1, W2).to_text().splitlines()
    writes = [x for x in lines if x.startswith(("V̄₀ ", "V̄₋₁ ")) and "+=" in x]
    print("additions to the adjoints of W1 (V̄₋₁) and W2 (V̄₀):")
    print("\n".join(f"  {' '.join(x.split())[:78]}" for x in writes))
    rows = {}
    paths = tapead.grad(j_without_decay, argnums=(0, 1))(W1, W2)
    decays = tapead.grad(j_by_decay_only, argnums=(0, 1))(W1, W2)
    wholes = tapead.grad(j, argnums=(0, 1))(W1, W2)
    for i, (hand, w) in enumerate(zip(by_hand(), (W1, W2), strict=True)):
        rows[f"W{i + 1}: cross-entropy"] = (hand, paths[i])
        rows[f"W{i + 1}: weight decay"] = (2.0 * LAMBDA * w, decays[i])
        rows[f"W{i + 1}: both"] = (hand + 2.0 * LAMBDA * w, wholes[i])
    print()
    return compare(rows) | {"writes": len(writes)}


if __name__ == "__main__":
    main()
