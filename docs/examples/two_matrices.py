"""The vectorised 3-2-1 network, and a misprint that a gradient check finds.

Lecture 1 (Chicago), "Let's Vectorize" and "Flowing Backward": A1 = Z1' W1, Z2 = tanh(A1),
y_hat = Z2' W2, loss (y_hat - y)**2, with W1 of shape (3, 2) and W2 of shape (2, 1). Rows are
examples here, so that Z1 is of shape (n, 3) and the losses are added. The slide says

    delta_1 = (W2' delta) * (1 - tanh(A1))**2,

but the derivative of tanh is 1 - tanh(A1)**2: the square is within the bracket.
"""

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(1)
Z1, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1))
W1, W2 = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 1))


def loss(w1, w2):
    return np.sum((np.tanh(Z1 @ w1) @ w2 - Y) ** 2)


def by_hand(w1, w2, slope):
    """Both gradients, with `slope` for the derivative of tanh at A1."""
    a1 = Z1 @ w1
    z2 = np.tanh(a1)
    error = 2.0 * (z2 @ w2 - Y)
    error1 = (error @ w2.T) * slope(a1)
    return Z1.T @ error1, z2.T @ error


def corrected(a):
    return 1.0 - np.tanh(a) ** 2


def misprinted(a):
    return (1.0 - np.tanh(a)) ** 2


def main():
    """Print both gradients, then the first with the misprint; return what is compared."""
    first, second = tapead.grad(loss, argnums=(0, 1))(W1, W2)
    hand1, hand2 = by_hand(W1, W2, corrected)
    rows = compare({"dL/dW1": (hand1, first), "dL/dW2": (hand2, second)})
    wrong = by_hand(W1, W2, misprinted)[0]
    print("\nWith (1 - tanh(A))**2, as printed:")
    compare({"dL/dW1": (wrong, first)}, by_hand="misprint")
    return rows | {"misprint": float(np.max(np.abs(wrong - first)))}


if __name__ == "__main__":
    main()
