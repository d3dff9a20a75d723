"""A pulse from four ReLUs, and a function approximated by many pulses.

Lecture 2 (neural networks), "How to construct a pulse with 4 ReLUs": with g(x) = max(0, x) and a
steepness m,

    pulse(x) = m (g(x - l + h) - g(x - l - h) - g(x - r + h) + g(x - r - h)),    h = 1 / (2 m),

rises from 0 to 1 around l and falls back around r, with the slopes m and -m. Pulses side by side,
each as high as the function at its middle, approximate it: the universal approximation theorem by
construction, in a two-layer network of 4 neurons for each pulse. Half the width is half the error.
"""

import numpy as np
from side_by_side import compare, figure, plot_path, save

import tapead
from tapead import nn

N_PIXELS = 61


def pulse_net(edges, heights, steepness):
    """A two-layer network that is a pulse of its own height between each two edges."""
    left, right, n, h = edges[:-1], edges[1:], len(heights), 0.5 / steepness
    kinks = np.stack([left - h, left + h, right - h, right + h], axis=1)
    net = nn.MLP((1, 4 * n, 1), activation="relu", dtype=np.float64)
    signs = steepness * np.array([1.0, -1.0, -1.0, 1.0])
    net.load_state_dict(
        {
            "0.weight": np.ones((4 * n, 1)),
            "0.bias": -kinks.ravel(),
            "2.weight": np.outer(heights, signs).reshape(1, -1),
            "2.bias": np.zeros(1),
        }
    )
    return net.eval()


def function(x):
    return np.sin(2.0 * np.pi * x) + 0.5 * x


def approximation(n):
    """A network of n pulses on [0, 1]."""
    edges = np.linspace(0.0, 1.0, n + 1)
    return pulse_net(edges, function((edges[:-1] + edges[1:]) / 2.0), steepness=50.0 * n)


def mean_error(net):
    x = (np.arange(2000) + 0.5) / 2000
    return float(np.mean(np.abs(net(x[:, None])[:, 0] - function(x))))


def picture(net, n_lines=13):
    """Lines of characters: the function as dots, the network as hashes."""
    x = (np.arange(N_PIXELS) + 0.5) / N_PIXELS
    grid = np.full((n_lines, N_PIXELS), " ")
    for values, mark in ((function(x), "."), (net(x[:, None])[:, 0], "#")):
        rows = np.round((1.3 - values) / 2.4 * (n_lines - 1)).astype(int).clip(0, n_lines - 1)
        grid[rows, np.arange(N_PIXELS)] = mark
    return "\n".join("".join(row).rstrip() for row in grid)


def main(plot=None):
    """Print a pulse with its slopes, and the approximations; return the numbers."""
    net = pulse_net(np.array([1.0, 3.0]), np.array([1.0]), steepness=2.0)
    params = net.arrays()
    x = np.array([0.5, 1.0, 2.0, 3.0, 3.5])
    slope = tapead.elementwise_grad(lambda x: net.apply(params, x[:, None])[:, 0])(x)
    rows = compare(
        {
            "pulse": ([0.0, 0.5, 1.0, 0.5, 0.0], net(x[:, None])[:, 0]),
            "slope": ([0.0, 2.0, 0.0, -2.0, 0.0], slope),
        }
    )
    nets = {n: approximation(n) for n in (5, 10, 20, 40, 80, 160)}
    errors = {n: mean_error(net) for n, net in nets.items()}
    print("\nneurons  mean error")
    for n, error in errors.items():
        print(f"{4 * n:7}  {error:.5f}")
    print(f"\nsin(2 pi x) + x/2 as dots, 20 pulses as hashes\n{picture(nets[20])}")
    draw(nets, plot)
    return rows | {"errors": errors}


def draw(nets, plot):
    drawing = figure(plot, figsize=(7, 4))
    if drawing:
        fig, ax = drawing
        x = np.linspace(0.0, 1.0, 2000)
        for n in (5, 20, 80):
            ax.plot(x, nets[n](x[:, None])[:, 0], lw=1, label=f"{4 * n} neurons")
        ax.plot(x, function(x), "k--", lw=1, label="sin(2πx) + x/2")
        ax.legend()
        save(fig, plot)


if __name__ == "__main__":
    main(plot_path(__doc__))
