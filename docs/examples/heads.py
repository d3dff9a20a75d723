"""Four heads of a network: binary, one-vs-rest, softmax and regression.

Lecture 2 (neural networks) ends the same layers in four ways; by the logits z of the last layer

    binary          y_hat = sigma(z), cross-entropy             sigma(z) - y
    one-vs-rest     a sigma for each class, cross-entropies     sigma(z_k) - y_k
    softmax         p = softmax(z), H = -sum_j y_j log p_j      p_k - y_k
    regression      y_hat = z, squared error                    2 (z - y)

(the slide calls H binary; it is the categorical cross-entropy). Each head is then trained on three
clouds of points.
"""

import numpy as np
from side_by_side import compare

import tapead
from tapead import nn, optim

RNG = np.random.default_rng(11)
LABELS = np.repeat([0, 1, 2], 30)
X = RNG.normal(size=(90, 2)) * 0.5 + np.array([[0.0, 1.5], [-1.5, -1.0], [1.5, -1.0]])[LABELS]
ONE_HOT = np.eye(3)[LABELS]
HEADS = {
    "binary": (nn.binary_cross_entropy_with_logits, ONE_HOT[:, :1]),
    "one-vs-rest": (nn.binary_cross_entropy_with_logits, ONE_HOT),
    "softmax": (nn.cross_entropy, LABELS),
    "regression": (nn.mse_loss, np.sin(X[:, :1])),
}


def sigma(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def by_hand(name, z, target):
    """The derivative of the summed loss by the logits."""
    if name == "softmax":
        return softmax(z) - np.eye(3)[target]
    return 2.0 * (z - target) if name == "regression" else sigma(z) - target


def score(name, z, target):
    """Share of right answers; of the variance explained, for the regression."""
    if name == "binary":
        return float(np.mean((z > 0.0) == (target == 1.0)))
    if name == "regression":
        return nn.r2(z, target)
    return nn.accuracy(z, LABELS)


def trained(loss, target, n_out):
    net = nn.MLP((2, 16, n_out), activation="tanh", rng=0, dtype=np.float64)
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    nn.fit(net, (X, target), loss=loss, optimizer=optimizer, epochs=40, progress=False)
    return net.eval()(X)


def main():
    """Print the derivatives by two examples' logits, and scores; return the numbers."""
    rows, scores = {}, {}
    for name, (loss, target) in HEADS.items():
        n_out = 3 if name in ("one-vs-rest", "softmax") else 1
        z, two = RNG.normal(size=(2, n_out)), target[[0, 45]]
        ours = tapead.grad(lambda z, loss=loss, two=two: loss(z, two, reduction="sum"))(z)
        rows[name] = (by_hand(name, z, two), ours)
        scores[name] = score(name, trained(loss, target, n_out), target)
    rows = compare(rows)
    print("\nafter 40 epochs:", ", ".join(f"{name} {s:.3f}" for name, s in scores.items()))
    return rows | {"scores": scores}


if __name__ == "__main__":
    main()
