"""Overfitting a small set to 100 %.

Lecture 2 (neural networks), "Common training issues": "Overfitting is common and not undesirable:
typical to achieve 100% training accuracy even if test accuracy is just 80%", with more parameters
than examples. Forty points of two crescents, six of them with the wrong label: the network learns
those too. The loss on fresh points falls, then rises again.
"""

import numpy as np
from side_by_side import figure, plot_path, save

from tapead import nn, optim

EPOCHS = 300


def crescents(n, seed, n_wrong=0):
    """n points of two crescents, the first `n_wrong` with the label of the other one."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, size=n)
    t = np.pi * rng.random(n)
    x = np.column_stack([np.cos(t) + y, np.sin(t) * (1.0 - 2.0 * y) + 0.5 * y])
    y[:n_wrong] = 1 - y[:n_wrong]
    return x + 0.2 * rng.normal(size=x.shape), y


def main(plot=None):
    """Print both losses and accuracies along the epochs; return the last and the best."""
    train, fresh = crescents(40, 0, n_wrong=6), crescents(1000, 1)
    net = nn.MLP((2, 64, 64, 2), activation="relu", rng=0, dtype=np.float64)
    size = sum(p.size for p in net.parameters())
    print(f"{len(train[1])} examples, {size} parameters")
    history = nn.fit(
        net,
        train,
        loss=nn.cross_entropy,
        optimizer=optim.Adam(net.parameters(), lr=0.02),
        epochs=EPOCHS,
        batch_size=40,
        validation=fresh,
        metrics={"accuracy": nn.accuracy, "trained": lambda *_: accuracy_of(net, train)},
        progress=False,
    )
    print("epoch      loss  accuracy   on fresh points: loss  accuracy")
    for i in (0, 4, 19, 49, 99, EPOCHS - 1):
        row = history.rows[i]
        print(
            f"{i + 1:5}  {row['loss']:8.4f}  {row['val_trained']:8.0%}"
            f"{row['val_loss']:23.4f}  {row['val_accuracy']:8.1%}"
        )
    draw(history, plot)
    last = history.rows[-1]
    return {
        "parameters": size,
        "trained": last["val_trained"],
        "fresh": last["val_accuracy"],
        "fresh_loss": history["val_loss"],
    }


def accuracy_of(net, data):
    return nn.accuracy(nn.predict(net, data[0]), data[1])


def draw(history, plot):
    drawing = figure(plot, figsize=(7, 4))
    if drawing:
        fig, ax = drawing
        for name, label in (("loss", "40 examples"), ("val_loss", "1000 fresh points")):
            ax.semilogy(range(1, EPOCHS + 1), history[name], label=label)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        save(fig, plot)


if __name__ == "__main__":
    main(plot_path(__doc__))
