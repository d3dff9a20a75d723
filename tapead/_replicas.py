"""Gradients of shards of a batch: what a worker does with one, and how they become one gradient.

Knows of no cluster: the gradient of a shard is a pure function of what is sent. The net on the
worker is a copy, filled with the state that comes along each time.
"""

import copy
from typing import NamedTuple

import numpy as np

from tapead import nn, optim
from tapead._shards import opened

WIDTH = 8  # gradients that are added in one go; the shape of the tree depends on nothing else


class Layout:
    """How the arrays of a net lie in one buffer."""

    def __init__(self, net):
        self.entries = [(name, x.shape, x.dtype) for name, x in net.state_dict().items()]

    def pack(self, net):
        """All arrays of a net in one buffer.

        Raises
        ------
        ValueError
            If they are not those that the net had.
        """
        state = net.state_dict()
        if [(name, x.shape, x.dtype) for name, x in state.items()] != self.entries:
            raise ValueError(
                "the net has other arrays than when its step was made; make the step anew"
            )
        return np.concatenate([x.reshape(-1).view(np.uint8) for x in state.values()])

    def unpack(self, buffer):
        """Arrays by name: views of the buffer."""
        found, start = {}, 0
        for name, shape, dtype in self.entries:
            stop = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            found[name] = buffer[start:stop].view(dtype).reshape(shape)
            start = stop
        return found


class State(NamedTuple):
    """What the gradients of all shards of a batch depend on, beside the net's code."""

    buffer: np.ndarray
    modes: tuple  # by module: whether it is in training
    seeds: dict  # of generators, by number of the module


class Part(NamedTuple):
    """The share of a shard, or of several, in loss and gradient."""

    value: float
    gradients: list  # one flat array per dtype
    statistics: list  # of batch norm in training


class Gradients:
    """A net and its loss, and copies of both that find gradients: one per thread of a worker.

    Parameters
    ----------
    net : Module
        It is copied.
    loss : callable
        ``loss(outputs, y)``: the mean over the rows.
    l2, l1 : float
        Weights of penalties.
    """

    def __init__(self, net, loss, l2, l1):
        self.given = copy.deepcopy(net), loss, l2, l1
        self.given[0].zero_grad()
        self.idle = []

    def __reduce__(self):
        return Gradients, self.given

    def of(self, state, number, X, y, weight):  # noqa: N803 - X has rows
        """The part of shard `number`, whose rows are a share `weight` of the batch."""
        try:
            replica = self.idle.pop()
        except IndexError:
            replica = Replica(*self.given)
        try:
            return replica.gradient(state, number, X, y, weight)
        finally:
            self.idle.append(replica)


class Replica:
    """A copy of a net, and its compiled step without an update."""

    def __init__(self, net, loss, l2, l1):
        self.net = copy.deepcopy(net)
        self.layout, self.modules = Layout(self.net), modules_of(self.net)
        self.parameters = list(self.net.parameters())
        kept = _Kept(self.parameters, lr=0.0)
        self.step = nn.compile_step(self.net, loss, kept, l2=l2, l1=l1)

    def gradient(self, state, number, X, y, weight):  # noqa: N803 - X has rows
        """See `Gradients.of`."""
        self.net.load_state_dict(self.layout.unpack(state.buffer))
        for module, training in zip(self.modules, state.modes, strict=True):
            module.training = training
        for i, seed in state.seeds.items():
            self.modules[i].rng = np.random.default_rng((seed, number))
        eager = self.step.stats()["eager"]
        with np.errstate(over="ignore", invalid="ignore"):  # seen by the loss
            value = self.step(X, y)
        if self.step.stats()["eager"] > eager:
            raise ValueError(
                "a step on several workers has to be one that can be replayed, since its numbers "
                f"would depend on the worker: {self.step.stats()['why']}; use nn.compile_step"
            )
        gradients = [_weighted(x, weight) for x in flat([p.grad for p in self.parameters])]
        statistics = [
            _weighted(np.asarray(getattr(module, name)), weight)
            for module, name in statistics_of(self.modules)
        ]
        return Part(float(value) * weight, gradients, statistics)


class _Kept(optim.Optimizer):
    """Leaves parameters and gradients as they are."""

    def step(self, gradients=None):
        """Do nothing."""


def modules_of(net):
    """A net and all modules within, in an order that copies share."""
    return [module for _, module in net.named_modules()]


def statistics_of(modules):
    """Where statistics stand that change in a step: pairs of a module and a name."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d
    norms = [module for module in modules if isinstance(module, kinds) and module.training]
    return [
        (module, name)
        for module in norms
        for name in sorted(module.state_dict().keys() - dict(module.named_parameters()).keys())
    ]


def flat(arrays):
    """All elements in one array per dtype."""
    dtypes = dict.fromkeys(x.dtype for x in arrays)
    return [np.concatenate([x.reshape(-1) for x in arrays if x.dtype == d]) for d in dtypes]


def unflat(flats, like):
    """Arrays with the shapes of others: views of what `flat` made."""
    left = {x.dtype: x for x in flats}
    found = []
    for x in like:
        found.append(left[x.dtype][: x.size].reshape(x.shape))
        left[x.dtype] = left[x.dtype][x.size :]
    return found


def _weighted(x, weight):
    """Share of an array in a mean; a count has none."""
    return x * x.dtype.type(weight) if x.dtype.kind == "f" else x


# -- tasks


def part_of(sent, state, number, X, y, weight):  # noqa: N803 - X has rows
    """Find the part of one shard: a task."""
    return opened(sent).of(state, number, X, y, weight)


def added(*parts):
    """Add some parts in their order: a task."""
    gradients = zip(*(part.gradients for part in parts), strict=True)
    statistics = zip(*(part.statistics for part in parts), strict=True)
    value = sum(part.value for part in parts)
    return Part(value, [_total(xs) for xs in gradients], [_total(xs) for xs in statistics])


def _total(arrays):
    total = arrays[0].copy()
    if total.dtype.kind == "f":
        for x in arrays[1:]:
            total += x
    return total


def reduced(place, parts):
    """Sum of the parts of all shards, by a tree whose shape depends on their number alone."""
    while len(parts) > WIDTH:
        groups = (parts[i : i + WIDTH] for i in range(0, len(parts), WIDTH))
        parts = [place.call(None, added, *group) for group in groups]
    return added(*place.results(parts))
