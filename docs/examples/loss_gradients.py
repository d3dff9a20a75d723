"""Gradients of the quadratic and of the multivariate logistic loss.

Lecture 4 (ETH), "Loss Function (Negative) Gradients": for 1/2 ||y* - y||**2 the negative gradient
by y is y* - y; for -z_{y*} + log sum_i exp(z_i), the softmax cross-entropy, the negative gradient
by z_y is

    1{y = y*} - p(y | x),       p = exp(z) / sum_i exp(z_i).

Both are "what was wanted minus what came". The Hessian of the second is diag(p) - p p'.
"""

import numpy as np
from side_by_side import bar, compare

import tapead
from tapead import nn

TARGET, OUTPUT = np.array([1.0, -2.0, 0.5]), np.array([0.2, -1.0, 1.5])
LOGITS, LABEL = np.array([2.0, -1.0, 0.5, 1.0]), 2


def quadratic(y):
    return 0.5 * np.sum((TARGET - y) ** 2)


def logistic(z):
    return -z[LABEL] + np.log(np.sum(np.exp(z)))


def main():
    """Print the derivatives, and where the logistic loss pushes; return what is compared."""
    p = np.exp(LOGITS) / np.sum(np.exp(LOGITS))
    wanted = np.eye(len(LOGITS))[LABEL]
    ours = tapead.grad(logistic)(LOGITS)
    stable = tapead.grad(nn.cross_entropy)(LOGITS[None], [LABEL])[0]
    print("class  p(y | x)")
    for i, probability in enumerate(p):
        sign = "up  " if i == LABEL else "down"
        print(f"{i:5}  {probability:.6f}  {sign} {bar(abs(ours[i]), 0.0, 1.0)}")
    print()
    return compare(
        {
            "quadratic": (TARGET - OUTPUT, -tapead.grad(quadratic)(OUTPUT)),
            "logistic": (wanted - p, -ours),
            "nn.cross_entropy": (wanted - p, -stable),
            "Hessian": (np.diag(p) - np.outer(p, p), tapead.hessian(logistic)(LOGITS)),
        }
    )


if __name__ == "__main__":
    main()
