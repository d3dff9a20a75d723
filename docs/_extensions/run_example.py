"""Runs an example: prints what it prints, saves its plot and a trace of what it differentiates."""

import contextlib
import importlib
import inspect
import io
import sys
from pathlib import Path

import numpy as np
from generated import DOCS

import tapead
from tapead import nn

ROWS = 40  # of a trace that is shown


def _net_loss(net, x, target, loss):
    """Trace of a net's loss, by its parameters."""
    return tapead.trace(lambda params: loss(net.apply(params, x), target), net.arrays())


def _small_net(m):
    net = nn.MLP((2, 3, 2), activation="tanh", rng=0, dtype=np.float64)
    x, y = m.spirals(2) if hasattr(m, "spirals") else m.crescents(2, 0)
    return _net_loss(net, x, y, nn.cross_entropy)


def _convolution(m):
    net = nn.Sequential(nn.Conv2d(1, 1, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    image = np.random.default_rng(0).normal(size=(1, 1, 6, 6)).astype(np.float32)
    return _net_loss(net, image, np.array([2]), nn.cross_entropy)


TRACES = {  # of what each example differentiates, or of a smaller one of its kind
    "accumulate_delta": lambda m: tapead.trace(lambda a, b, c: m.j([a, b, c]), *m.THETA),
    "autoencoder": lambda m: _net_loss(
        m.network(), np.ones((1, 64)), np.ones((1, 64)), nn.mse_loss
    ),
    "biases_and_outputs": lambda m: tapead.trace(m.loss, m.W1, m.B1, m.W2, m.B2),
    "bundle_adjustment": lambda m: tapead.trace(
        lambda cameras, points: np.sum(m.pixels(cameras, points) ** 2),
        np.array([[0.1, 0.2, 0.3, 0.0, 0.0, -6.0, 800.0, -0.05, 0.01]]),
        np.ones((1, 3)),
    ),
    "convnet_digits": _convolution,
    "credit_assignment": lambda m: tapead.trace(m.loss, **m.WEIGHTS),
    "delta_recursion": lambda m: tapead.trace(
        lambda a, b: m.likelihood([a, b], [0.0, 0.0]), m.THETA[0], m.THETA[-1]
    ),
    "heads": lambda m: tapead.trace(
        lambda z: nn.cross_entropy(z, np.array([0, 2])),
        np.array([[1.0, 0.5, -1.0], [0.0, 1.0, 2.0]]),
    ),
    "jacobi_chain": lambda m: tapead.trace(
        lambda x: np.sum(m.random_map(3, 2)(m.random_map(2, 3)(x))), np.array([0.5, -1.0])
    ),
    "logistic_regression": lambda m: tapead.trace(m.loss, np.array([0.1, -0.2, 0.3])),
    "loss_gradients": lambda m: tapead.trace(m.logistic, m.LOGITS),
    "long_loop": lambda m: tapead.trace(lambda rates: m.last(m.START, rates), m.RATES),
    "many_machines": lambda m: tapead.trace(m.closed_form, *m.MARKET),
    "maximum_likelihood": lambda m: tapead.trace(m.weibull, {"shape": 1.0, "scale": 50.0}),
    "nist_fits": lambda m: tapead.trace(
        lambda b: np.sum(m.residuals_of(m.SETS["Misra1a"])(b) ** 2), np.array([250.0, 0.0005])
    ),
    "one_neuron": lambda m: tapead.trace(m.neuron, *m.W),
    "optimisers": _small_net,
    "overfitting": _small_net,
    "relu_layer": lambda m: tapead.trace(
        lambda x, w, b: np.sum(m.H_BAR * m.layer(x, w, b)), m.X, m.W, m.B
    ),
    "relu_pulse": lambda m: _net_loss(
        m.pulse_net(np.array([1.0, 3.0]), np.array([1.0]), steepness=2.0),
        np.array([[1.0]]),
        np.array([[1.0]]),
        nn.mse_loss,
    ),
    "ridge_functions": lambda m: tapead.trace(
        lambda w, b, x: np.sum(m.ridge(tapead.tanh, w, b, x)), m.W, m.B, m.X
    ),
    "several_paths": lambda m: tapead.trace(m.three_paths, 1.25),
    "symbol_to_symbol": lambda m: tapead.trace(m.z, 0.7),
    "taylor_steps": lambda m: tapead.trace(lambda y: m.field(y)[2], m.START),
    "two_matrices": lambda m: tapead.trace(m.loss, m.W1, m.W2),
    "vanishing_exploding": lambda m: _net_loss(
        nn.Sequential(*(nn.Linear(2, 2, rng=i) for i in range(3))),
        np.ones((1, 2)),
        np.zeros((1, 2)),
        nn.mse_loss,
    ),
    "weight_decay": lambda m: tapead.trace(m.j, m.W1, m.W2),
    "welded_beam": lambda m: tapead.trace(m.cost, m.START),
}


def main(name, folder):
    """Run the example; leave its plot and its trace in the folder."""
    sys.path.insert(0, str(DOCS / "examples"))
    module = importlib.import_module(name)
    plots = "plot" in inspect.signature(module.main).parameters
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if plots and name != "symbol_to_symbol":
            module.main(plot=folder / f"{name}.png")
        else:
            module.main()
    lines = [line for line in printed.getvalue().splitlines() if not line.startswith("saved ")]
    print("\n".join(lines))
    trace = TRACES[name](module)
    html = f'<div class="trace">\n{trace.to_html(max_rows=ROWS)}\n</div>\n'
    (folder / f"{name}.trace.html").write_text(html, encoding="utf-8")
    if name == "symbol_to_symbol":
        (folder / f"{name}.svg").write_text(trace.to_svg(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
