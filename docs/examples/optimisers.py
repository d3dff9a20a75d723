"""Gradient descent, SGD, momentum, RMSprop, Adagrad, Adam and LAMB on one plot.

Lecture 2 (neural networks), "Fancier alternatives to SGD (Adagrad, Adam, LAMB, etc.) can
significantly improve training"; lectures 3 and 4 name gradient descent, which takes all examples
for a step, and SGD, momentum and RMSprop, which take a mini-batch. Every one of them trains the
same network, from the same weights, on two spirals, and the rates of all fall along half a cosine:
LAMB's steps are a share of the weights' norm, however small the gradient is, and with a rate that
stays its loss jumps up and down by orders of magnitude once it is small.
"""

import numpy as np
from side_by_side import bar, figure, plot_path, save

from tapead import nn, optim

EPOCHS = 80
OPTIMISERS = {
    "GD": (lambda p: optim.SGD(p, lr=0.5), 200),
    "SGD": (lambda p: optim.SGD(p, lr=0.5), 20),
    "momentum": (lambda p: optim.SGD(p, lr=0.1, momentum=0.9), 20),
    "RMSprop": (lambda p: optim.RMSprop(p, lr=0.01), 20),
    "Adagrad": (lambda p: optim.Adagrad(p, lr=0.1), 20),
    "Adam": (lambda p: optim.Adam(p, lr=0.02), 20),
    "LAMB": (lambda p: optim.LAMB(p, lr=0.005), 20),
}


def spirals(n=100):
    """Points on two arms of half a turn more than one, and which arm each is on."""
    rng = np.random.default_rng(13)
    t = np.tile(np.linspace(0.3, 1.0, n), 2)
    y = np.repeat([0, 1], n)
    angle = 1.5 * np.pi * t + np.pi * y
    x = np.column_stack([t * np.cos(angle), t * np.sin(angle)]) * 2.0
    return x + rng.normal(size=x.shape) * 0.05, y


def losses(make, batch_size):
    """The loss after each epoch."""
    x, y = spirals()
    net = nn.MLP((2, 16, 16, 2), activation="tanh", rng=0, dtype=np.float64)
    optimizer = make(net.parameters())
    history = nn.fit(
        net,
        (x, y),
        loss=nn.cross_entropy,
        optimizer=optimizer,
        schedule=optim.CosineAnnealingLR(optimizer, EPOCHS),
        epochs=EPOCHS,
        batch_size=batch_size,
        validation=(x, y),
        progress=False,
    )
    return history["val_loss"]


def main(plot=None):
    """Print the losses along the epochs; return them by optimiser."""
    found = {name: losses(*how) for name, how in OPTIMISERS.items()}
    marks = (0, 9, 19, 39, EPOCHS - 1)
    print(f"{'loss after epoch':18}" + "".join(f"{i + 1:10}" for i in marks))
    for name, values in found.items():
        print(f"{name:18}" + "".join(f"{values[i]:10.1e}" for i in marks))
    print("\nlast loss, logarithmic")
    for name, values in found.items():
        print(f"{name:10}{bar(np.log10(values[-1]), -9.0, 0.0)}")
    drawing = figure(plot, figsize=(7, 4))
    if drawing:
        fig, ax = drawing
        for name, values in found.items():
            ax.semilogy(range(1, EPOCHS + 1), values, label=name)
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        save(fig, plot)
    return {name: [float(x) for x in values] for name, values in found.items()}


if __name__ == "__main__":
    main(plot_path(__doc__))
