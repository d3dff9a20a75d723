"""Logistic regression: gradient, Hessian, and Newton's method on both.

Lecture 1 (Chicago), "Logistic Regression", y_hat = sigma(x' w + b), and lecture 2 (single neuron),
the same with x_0 = 1 for the bias. The lecture's y log(y_hat) + (1 - y) log(1 - y_hat) is the
likelihood's logarithm; the loss is its negative, whose derivatives over n examples are

    dL/dw = X' (y_hat - y) / n,         d2L/dw2 = X' diag(y_hat (1 - y_hat)) X / n.

Written with logarithms of y_hat the loss breaks down far out, where the form on logits does not.
"""

import numpy as np
from side_by_side import compare

import tapead
from tapead import nn

RNG = np.random.default_rng(3)
Y = np.repeat([0.0, 1.0], 20)
POINTS = RNG.normal(size=(40, 2)) + 1.2 * np.outer(2.0 * Y - 1.0, [1.0, 0.5])
X = np.column_stack([np.ones(40), POINTS])


def loss(theta):
    return nn.binary_cross_entropy_with_logits(X @ theta, Y)


def textbook(z):
    """The loss of one example of class 0 with the logit `z`, as on the slide."""
    return -np.log(1.0 - tapead.sigmoid(z))


def main():
    """Print the derivatives, Newton's steps, and both forms of the loss; return the numbers."""
    theta = np.array([0.1, -0.2, 0.3])
    y_hat = 1.0 / (1.0 + np.exp(-X @ theta))
    rows = {
        "dL/dtheta": (X.T @ (y_hat - Y) / 40, tapead.grad(loss)(theta)),
        "d2L/dtheta2": ((X.T * (y_hat * (1.0 - y_hat))) @ X / 40, tapead.hessian(loss)(theta)),
    }
    rows = compare(rows)
    print("\nNewton's method\nstep      loss    norm of the gradient")
    gradient = tapead.grad(loss)(theta)
    for step in range(7):
        print(f"{step:4}  {loss(theta):.6f}    {np.linalg.norm(gradient):.3e}")
        theta -= np.linalg.solve(tapead.hessian(loss)(theta), gradient)
        gradient = tapead.grad(loss)(theta)
    right = float(np.mean((X @ theta > 0.0) == (Y == 1.0)))
    print(f"theta {theta.round(4)}, {right:.0%} on the right side of the line")
    z = np.array([800.0])
    stable = tapead.grad(nn.binary_cross_entropy_with_logits)(z, [0.0])[0]
    with np.errstate(all="ignore"):
        broken = tapead.grad(textbook)(800.0)
    print(f"\nslope of the loss at the logit 800: {stable} on logits, {broken} with logarithms")
    return rows | {"gradient": gradient, "stable": stable, "textbook": broken, "accuracy": right}


if __name__ == "__main__":
    main()
