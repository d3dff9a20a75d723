"""One neuron with squared loss, and its update.

Lecture 1 (Chicago), "One Neuron Again": with y_hat = x' w and L = (y_hat - y)**2,

    dL/dw_i = 2 (y_hat - y) x_i,        w := w - eta (y_hat - y) x,

where the update takes the factor 2 into eta. One example is learnt at a known speed: each step
multiplies the error y_hat - y by 1 - eta x' x.
"""

import numpy as np
from side_by_side import compare

import tapead
from tapead import optim

X, Y = np.array([1.0, 2.0, -1.0]), 1.5
W = np.array([0.5, -0.25, 1.0])
ETA = 0.1


def loss(w, x, y):
    return (np.dot(x, w) - y) ** 2


def neuron(w1, w2, w3):
    """The same in numbers, for the trace."""
    y_hat = X[0] * w1 + X[1] * w2 + X[2] * w3
    return (y_hat - Y) ** 2


def main():
    """Print trace, gradient and updates; return what is compared."""
    print(tapead.trace(neuron, *W).to_text())
    error = X @ W - Y
    w = W.copy()
    optimizer = optim.SGD({"w": w}, lr=ETA / 2)
    optimizer.step({"w": tapead.grad(loss)(w, X, Y)})
    rows = {
        "dL/dw": (2.0 * error * X, tapead.grad(loss)(W, X, Y)),
        "w after a step": (W - ETA * error * X, w.copy()),
    }
    print("\nstep  y_hat - y   what was left of it by the step")
    for step in range(2, 11):
        before = X @ w - Y
        optimizer.step({"w": tapead.grad(loss)(w, X, Y)})
        print(f"{step:4}  {X @ w - Y:9.6f}   {(X @ w - Y) / before:.6f}")
    print()
    rows["y_hat - y after 10"] = (error * (1.0 - ETA * X @ X) ** 10, X @ w - Y)
    return compare(rows)


if __name__ == "__main__":
    main()
