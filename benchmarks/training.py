"""Whole training steps: recorded once, recorded anew in each step, and those of the peers.

A step takes a batch, sweeps the loss and changes the parameters. Nets start from the same arrays
in each system, and losses of the first steps are compared before anything is timed.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from .measure import check, fastest, some, versioned
from .systems import require
from .threads import set_threads, timer_for
from .training_peers import RATE, with_jax, with_torch

N_CHECKED = 4  # steps whose losses are compared


class Training(NamedTuple):
    """A net by its layers' sizes, or "lenet", and what it is trained on.

    `bound` is the least ratio of PyTorch's time to that of the compiled step, with PyTorch's fused
    optimiser, and `jax_bound` that of JAX's; both on one thread.
    """

    sizes: tuple
    rows: int
    optimiser: str
    bound: float
    jax_bound: float


TRAININGS = {
    "2-16-16-1, 100": Training((2, 16, 16, 1), 100, "SGD", 25.0, 5.0),
    "784-128-10, 32": Training((784, 128, 10), 32, "Adam", 3.0, 1.6),
    "784-128-10, 128": Training((784, 128, 10), 128, "SGD", 1.7, 1.15),
    "784-512-256-10, 128": Training((784, 512, 256, 10), 128, "Adam", 1.1, 1.15),
    "784-512-256-10, 1024": Training((784, 512, 256, 10), 1024, "Adam", 1.0, 1.0),
    "3072-1024-1024-10, 256": Training((3072, 1024, 1024, 10), 256, "SGD", 0.9, 1.0),
    "lenet, 32": Training("lenet", 32, "Adam", 1.2, 2.5),
    "lenet, 128": Training("lenet", 128, "Adam", 1.2, 2.5),
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


def with_tapead(make_name, training, net, batch, threads):
    """A step that ``nn.compile_step`` or ``nn.eager_step`` makes."""
    from tapead import nn, optim

    points, labels = batch
    loss = nn.cross_entropy if labels.ndim == 1 else nn.binary_cross_entropy_with_logits
    optimizer = getattr(optim, training.optimiser)(net.parameters(), lr=RATE)
    step = getattr(nn, make_name)(net, loss, optimizer)
    return lambda: step(points, labels)


TRAINING_SYSTEMS = {
    "tapead": partial(with_tapead, "compile_step"),
    "tapead-eager": partial(with_tapead, "eager_step"),
    "torch": with_torch,
    "jax": with_jax,
}


def training_steps(systems, training, threads=1):
    """Return {name: function without arguments} for systems whose losses agree."""
    steps = {
        system: TRAINING_SYSTEMS[system](training, net_of(training), batch_of(training), threads)
        for system in systems
    }
    losses = {system: [step() for _ in range(N_CHECKED)] for system, step in steps.items()}
    wanted = next(iter(losses.values()))
    for system, found in losses.items():
        check(found, wanted, system, 1e-4)  # single precision, some steps on
    return steps


@versioned(repr(TRAININGS), net_of, batch_of, with_tapead, with_torch, with_jax)
class Step:
    """A step whose losses are those of the eager one, or of the compiled one."""

    params = (tuple(TRAINING_SYSTEMS), some(TRAININGS), (1, 2))
    param_names = ("system", "training", "threads")
    timeout = 120

    def setup(self, system, training, threads):
        require(system)
        set_threads(threads)
        other = "tapead" if system == "tapead-eager" else "tapead-eager"
        self.steps = training_steps([other, system], TRAININGS[training], threads)

    def time_step(self, system, training, threads):
        self.steps[system]()


@versioned(repr(TRAININGS), net_of, batch_of, with_tapead, with_torch, with_jax)
class TrainingStep:
    """PyTorch's time over that of a step, in one run."""

    params = (("tapead", "tapead-eager", "jax"), some(TRAININGS), (1, 2))
    param_names = ("system", "training", "threads")
    timeout = 120

    def setup(self, system, training, threads):
        require("torch", system)
        set_threads(threads)
        self.steps = training_steps(["torch", system], TRAININGS[training], threads)

    def track_torch_over(self, system, training, threads):
        seconds = fastest(self.steps, timer=timer_for(threads))
        return seconds["torch"] / seconds[system]

    track_torch_over.unit = "x faster than torch"


def first_step(loss, training):
    """The loss of a compiled step that has to be recorded."""
    from tapead import nn, optim

    net = net_of(training)
    step = nn.compile_step(net, loss, optim.SGD(net.parameters(), lr=RATE))
    value = step(*batch_of(training))
    assert step.stats()["replayed"] == 1
    return value


@versioned(net_of, batch_of, first_step)
class Recording:
    """The first step, beside many objects among which generators of random numbers may be.

    With a loss of tapead they are not looked for; "own" is what a user wrote.
    """

    params = (("tapead", "own"), (0, 10**6))
    param_names = ("loss", "objects")

    def setup(self, loss, objects):
        from tapead import nn

        entropy = nn.binary_cross_entropy_with_logits
        self.loss = entropy if loss == "tapead" else lambda *args: 1.0 * entropy(*args)
        self.training = TRAININGS["2-16-16-1, 100"]
        self.objects = [[] for _ in range(objects)]
        wanted = with_tapead(
            "eager_step", self.training, net_of(self.training), batch_of(self.training), 1
        )
        check([first_step(self.loss, self.training)], [wanted()], "first step", 1e-4)

    def time_first_step(self, loss, objects):
        first_step(self.loss, self.training)
