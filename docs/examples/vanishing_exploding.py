"""Vanishing and exploding gradients, seen layer by layer, and cured.

Lecture 2 (neural networks), "Common training issues": "For large networks, gradients can blow up
or go to zero. This can be helped by batchnorm or ResNet architecture", and by gradient clipping.
The recursion of the deltas multiplies by a layer's slopes and weights once for each layer, so
twenty layers multiply a factor twenty times. Shown is the norm of the gradient by the weights of
each layer, on a logarithmic scale.
"""

import numpy as np
from side_by_side import bar, figure, plot_path, save

from tapead import nn, optim

DEPTH, WIDTH = 20, 16
RNG = np.random.default_rng(12)
X, Y = RNG.normal(size=(64, WIDTH)), RNG.normal(size=(64, WIDTH))


def scaled(gain):
    """An initialiser: normal weights with the standard deviation gain / sqrt(n_in)."""

    def init(shape, rng, dtype):
        return np.random.default_rng(rng).normal(size=shape).astype(dtype) * gain / shape[1] ** 0.5

    return init


def layer(i, activation, gain, norm=False, residual=False):
    linear = nn.Linear(WIDTH, WIDTH, init=scaled(gain), rng=i, dtype=np.float64)
    between = [nn.BatchNorm1d(WIDTH, dtype=np.float64)] if norm else []
    block = nn.Sequential(linear, *between, activation())
    return nn.Residual(block) if residual else block


def deep(*args, **keywords):
    return nn.Sequential(*(layer(i, *args, **keywords) for i in range(DEPTH)))


NETS = {
    "sigmoid: vanishing": lambda: deep(nn.Sigmoid, 1.0),
    "sigmoid, batch norm": lambda: deep(nn.Sigmoid, 1.0, norm=True),
    "sigmoid, residual links": lambda: deep(nn.Sigmoid, 1.0, residual=True),
    "ReLU, large weights: exploding": lambda: deep(nn.ReLU, 4.0),
    "ReLU, large weights, batch norm": lambda: deep(nn.ReLU, 4.0, norm=True),
    "ReLU, He's weights": lambda: deep(nn.ReLU, 2.0**0.5),
}


def backpropagated(net):
    """The net, with the gradients of the squared error in its parameters."""
    nn.mse_loss(net(X), Y).backward()
    return net


def norms(net):
    weights = [p for p in net.parameters() if len(p.shape) == 2]
    return np.array([np.linalg.norm(p.grad) for p in weights])


def main(plot=None):
    """Print the norms of each net, and what clipping does; return the numbers."""
    found = {}
    for name, make in NETS.items():
        found[name] = norms(backpropagated(make()))
        print(name)
        for i in range(0, DEPTH, 4):
            shown = bar(np.log10(found[name][i]), -15.0, 25.0)
            print(f"  layer {i + 1:2}  {found[name][i]:8.1e} {shown}")
    net = backpropagated(NETS["ReLU, large weights: exploding"]())
    before = optim.clip_grad_norm_(net.parameters(), 1.0)
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    after = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))
    print(f"clipping by norm: from {before:.1e} to {after:.6f}")
    drawing = figure(plot, figsize=(7, 4))
    if drawing:
        fig, ax = drawing
        for name, values in found.items():
            ax.semilogy(range(1, DEPTH + 1), values, ".-", label=name)
        ax.set(xlabel="layer", ylabel="norm of the gradient")
        ax.legend(fontsize=8)
        save(fig, plot)
    return {"norms": found, "before": before, "after": after}


if __name__ == "__main__":
    main(plot_path(__doc__))
