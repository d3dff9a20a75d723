"""Whole training steps: recorded once, recorded anew in each step, and PyTorch's.

A step takes a batch, sweeps the loss and changes the parameters. Nets start from the same arrays
in each system, and losses of the first steps are compared before anything is timed.
"""

from typing import NamedTuple

import numpy as np

from .measure import check, fastest
from .peers import require

N_CHECKED = 4  # steps whose losses are compared


class Training(NamedTuple):
    """A net by its layers' sizes, or "lenet", and what it is trained on.

    `bound` is the least ratio of PyTorch's time to that of the compiled step, with PyTorch's fused
    optimiser.
    """

    sizes: tuple
    rows: int
    optimiser: str
    bound: float


TRAININGS = {
    "2-16-16-1, 100": Training((2, 16, 16, 1), 100, "SGD", 25.0),
    "784-128-10, 32": Training((784, 128, 10), 32, "Adam", 3.0),
    "784-128-10, 128": Training((784, 128, 10), 128, "SGD", 1.7),
    "784-512-256-10, 128": Training((784, 512, 256, 10), 128, "Adam", 1.1),
    "lenet, 32": Training("lenet", 32, "Adam", 1.2),
    "lenet, 128": Training("lenet", 128, "Adam", 1.2),
}


def net_of(training):
    from tapead import nn

    if training.sizes != "lenet":
        activation = "tanh" if training.sizes[-1] == 1 else "relu"
        return nn.MLP(training.sizes, activation, rng=0)
    image = [
        nn.Conv2d(1, 6, 5, padding=2, rng=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, rng=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ]  # fmt: skip
    return nn.Sequential(*image, *nn.MLP((400, 120, 84, 10), rng=2))


def batch_of(training):
    """Random images, or points, and their labels."""
    rng = np.random.default_rng(6)
    shape = (1, 28, 28) if training.sizes == "lenet" else training.sizes[:1]
    points = rng.standard_normal((training.rows, *shape)).astype(np.float32)
    if training.sizes[-1] == 1:
        return points, rng.integers(0, 2, (training.rows, 1)).astype(np.float32)
    return points, rng.integers(0, 10, training.rows)


def _with_tapead(make_name, training):
    from tapead import nn, optim

    net, (points, labels) = net_of(training), batch_of(training)
    loss = nn.cross_entropy if labels.ndim == 1 else nn.binary_cross_entropy_with_logits
    optimizer = getattr(optim, training.optimiser)(net.parameters(), lr=1e-3)
    step = getattr(nn, make_name)(net, loss, optimizer)
    return lambda: step(points, labels)


def with_tapead(training):
    return _with_tapead("compile_step", training)


def with_tapead_eager(training):
    return _with_tapead("eager_step", training)


def with_torch(training):
    import torch

    torch.set_num_threads(1)
    net = _torch_net(net_of(training))
    points, labels = map(torch.tensor, batch_of(training))
    functional = torch.nn.functional
    loss = functional.cross_entropy
    if labels.ndim == 2:
        loss = functional.binary_cross_entropy_with_logits
    optimizer = getattr(torch.optim, training.optimiser)(net.parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        value = loss(net(points), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def _torch_net(net):
    """The same layers with the same arrays."""
    import torch

    options = {
        "Linear": ("in_features", "out_features"), "MaxPool2d": ("kernel_size",),
        "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    }  # fmt: skip
    layers = []
    for layer in net:
        name = type(layer).__name__
        args = [getattr(layer, option) for option in options.get(name, ())]
        layers.append(getattr(torch.nn, name)(*args))
    made = torch.nn.Sequential(*layers)
    made.load_state_dict({name: torch.tensor(x) for name, x in net.state_dict().items()})
    return made


TRAINING_SYSTEMS = {
    "tapead": with_tapead,
    "tapead-eager": with_tapead_eager,
    "torch": with_torch,
}


def training_steps(systems, training):
    """Return {name: function without arguments} for systems whose losses agree."""
    steps = {system: TRAINING_SYSTEMS[system](training) for system in systems}
    losses = {system: [step() for _ in range(N_CHECKED)] for system, step in steps.items()}
    wanted = next(iter(losses.values()))
    for system, found in losses.items():
        check(found, wanted, system, 1e-4)  # single precision, some steps on
    return steps


class TrainingStep:
    """A step, and PyTorch's time over it in one run."""

    params = (("tapead", "tapead-eager"), tuple(TRAININGS))
    param_names = ("system", "training")
    timeout = 120

    def setup(self, system, training):
        require("torch")
        self.steps = training_steps(["torch", system], TRAININGS[training])

    def track_torch_over(self, system, training):
        seconds = fastest(self.steps)
        return seconds["torch"] / seconds[system]

    track_torch_over.unit = "x faster than torch"

    def time_step(self, system, training):
        self.steps[system]()
