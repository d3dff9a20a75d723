"""The recursion of the deltas, layer by layer, against derivatives by the logits of each layer.

Lecture 2 (neural networks), "Backprop": with sigmoid units, z^(l+1) = Theta^(l) a^(l), and
L = y log(y_hat) + (1 - y) log(1 - y_hat), which is to be made large,

    delta^(L+1) = y - a^(L+1),
    delta_i^(l) = a_i^(l) (1 - a_i^(l)) sum_k delta_k^(l+1) Theta_ki^(l),
    dL/dTheta_ij^(l) = delta_i^(l+1) a_j^(l).

A shift that is added to z^(l) and is 0 has the derivative dL/dz^(l), so tapead gives the deltas
too. The bars show them fade on the way down: each layer multiplies by a (1 - a) <= 1/4.
"""

from itertools import pairwise

import numpy as np
from side_by_side import bar, compare

import tapead

RNG = np.random.default_rng(10)
SIZES = (4, 5, 5, 5, 5, 1)
THETA = [RNG.normal(size=(m, n)) for n, m in pairwise(SIZES)]
X, Y = RNG.normal(size=4), 1.0


def likelihood(thetas, shifts):
    a = X
    for theta, shift in zip(thetas, shifts, strict=True):
        a = tapead.sigmoid(theta @ a + shift)
    return Y * np.log(a[0]) + (1.0 - Y) * np.log(1.0 - a[0])


def by_hand():
    """Deltas and gradients of all layers, first layer first."""
    activities = [X]
    for theta in THETA:
        activities.append(1.0 / (1.0 + np.exp(-theta @ activities[-1])))
    deltas = [Y - activities[-1]]
    for theta, a in zip(THETA[:0:-1], activities[-2:0:-1], strict=True):
        deltas.insert(0, a * (1.0 - a) * (theta.T @ deltas[0]))
    return deltas, [np.outer(d, a) for d, a in zip(deltas, activities[:-1], strict=True)]


def main():
    """Print deltas, gradients and how the deltas fade; return what is compared."""
    shifts = [np.zeros(n) for n in SIZES[1:]]
    ours, our_deltas = tapead.grad(likelihood, argnums=(0, 1))(THETA, shifts)
    deltas, gradients = by_hand()
    rows = {f"delta^{i}": pair for i, pair in enumerate(zip(deltas, our_deltas, strict=True), 2)}
    rows |= {f"dL/dTheta^{i}": p for i, p in enumerate(zip(gradients, ours, strict=True), 1)}
    rows = compare(rows)
    print("\nlayer  norm of delta, logarithmic")
    norms = [float(np.linalg.norm(delta)) for delta in our_deltas]
    for layer, norm in enumerate(norms, 2):
        print(f"{layer:5}  {norm:.2e} {bar(np.log10(norm), -6.0, 0.0)}")
    return rows | {"norms": norms}


if __name__ == "__main__":
    main()
