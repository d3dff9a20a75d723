"""Training steps that are recorded once: the numbers of the eager step, batch after batch."""

import tracemalloc

import numpy as np
import pytest

from tapead import nn, optim

D = np.float64
TOLERANCE = {"rtol": 1e-11, "atol": 1e-13}  # sums in other orders, over 24 steps
RNG = np.random.default_rng(12)

OPTIMISERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "Nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.01, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "LAMB": lambda p: optim.LAMB(p, lr=0.01),
}


def mlp(dropout=0.0, n_out=4, activation="tanh", dtype=D):
    return nn.MLP((6, 12, n_out), activation, dropout=dropout, rng=0, dtype=dtype)


def normed():
    return nn.Sequential(
        nn.Linear(6, 12, rng=0, bias=False, dtype=D),
        nn.BatchNorm1d(12, dtype=D),
        nn.ReLU(),
        nn.Residual(nn.Sequential(nn.Linear(12, 12, rng=1, dtype=D), nn.LayerNorm(12, dtype=D))),
        nn.Linear(12, 4, rng=2, dtype=D),
    )


def conv():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, rng=0, bias=False, dtype=D),
        nn.BatchNorm2d(3, dtype=D),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5, rng=4),
        nn.Linear(27, 4, rng=2, dtype=D),
    )


def batches(sizes=(16,) * 20 + (5,) * 4, shape=(6,), n_classes=4):
    return [(RNG.normal(size=(n, *shape)), RNG.integers(0, n_classes, n)) for n in sizes]


def assert_same_training(make, data, loss=nn.cross_entropy, optimiser=OPTIMISERS["SGD"], **options):
    """Both steps on nets that start alike; return the compiled one."""
    nets = make(), make()
    optimisers = [optimiser(net.parameters()) for net in nets]
    eager = nn.eager_step(nets[0], loss, optimisers[0], **options)
    step = nn.compile_step(nets[1], loss, optimisers[1], **options)
    for X, y in data:
        np.testing.assert_allclose(step(X, y), eager(X, y), **TOLERANCE)
    states = [net.state_dict() for net in nets]
    for name, x in states[0].items():
        np.testing.assert_allclose(states[1][name], x, **TOLERANCE, err_msg=name)
    return step


@pytest.mark.parametrize("name", OPTIMISERS)
def test_step_is_the_eager_one(name):
    step = assert_same_training(mlp, batches(), optimiser=OPTIMISERS[name])
    assert step.stats() == {"recorded": 2, "replayed": 24, "eager": 0, "why": None}


def test_masks_of_dropout_are_drawn_in_each_step():
    step = assert_same_training(lambda: mlp(dropout=0.3), batches())
    assert step.stats()["replayed"] == 24


def test_running_statistics_are_those_of_the_eager_step():
    assert assert_same_training(normed, batches()).stats()["replayed"] == 24


def test_convolutions_are_replayed():
    data = batches((8,) * 20, (1, 6, 6))
    assert assert_same_training(conv, data, optimiser=OPTIMISERS["Adam"]).stats()["recorded"] == 1


def test_penalties_and_clipping_are_part_of_the_step():
    assert_same_training(mlp, batches(), l2=0.1, l1=0.01, clip_norm=0.05)


@pytest.mark.parametrize("dtype", [int, np.int8, np.float32, D])
@pytest.mark.parametrize(
    "loss", [nn.mse_loss, nn.huber_loss, nn.hinge_loss, nn.binary_cross_entropy_with_logits]
)
def test_losses_take_the_targets_of_each_batch(loss, dtype):
    data = [(X, (2 * (y[:, None] % 2) - 1).astype(dtype)) for X, y in batches()]
    step = assert_same_training(lambda: mlp(n_out=1), data, loss)
    assert step.stats()["replayed"] == 24


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.multi_margin_loss])
def test_losses_take_the_labels_of_each_batch(loss):
    net = mlp()
    step = nn.compile_step(net, loss, optim.SGD(net.parameters(), lr=0.0))
    X = RNG.normal(size=(5, 6))
    for labels in ([0, 1, 2, 3, 0], [3, 3, 3, 1, 2]):
        wanted = float(loss(net(X), np.array(labels)).value)
        np.testing.assert_allclose(step(X, labels), wanted, rtol=1e-12)
    assert step.stats()["recorded"] == 1


def test_single_precision_follows_to_rounding():
    nets = mlp(dtype=np.float32), mlp(dtype=np.float32)
    make = OPTIMISERS["momentum"]
    eager, step = (
        f(net, nn.cross_entropy, make(net.parameters()))
        for f, net in zip((nn.eager_step, nn.compile_step), nets, strict=True)
    )
    for X, y in batches():  # of float64: a net takes them in its own precision
        assert step(X, y) == pytest.approx(eager(X, y), rel=2e-6)
    assert nets[0][0].weight.grad.dtype == nets[1][0].weight.grad.dtype == np.float32


def test_losses_of_single_precision_where_one_logit_leads():
    net = mlp(activation="relu", dtype=np.float32)
    for parameter in net.parameters():
        parameter.value *= 6.0
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.0))
    for X, y in batches():
        wanted = float(nn.cross_entropy(net(X), y).value)
        assert step(X, y) == pytest.approx(wanted, rel=1e-5)


def test_learning_rate_is_that_of_the_schedule():
    def optimiser(params):
        made = optim.Adam(params, lr=0.05)
        schedules.append(optim.ExponentialLR(made, 0.5))
        return made

    schedules, data = [], batches((16,) * 6)

    def stepping():
        for batch in data:
            yield batch
            for schedule in schedules:
                schedule.step()

    assert_same_training(mlp, stepping(), optimiser=optimiser)
    assert schedules[0].optimizer.lr == 0.05 * 0.5**6


def test_evaluation_and_training_are_recorded_apart():
    net = normed()
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.0))
    (X, y), (Z, _) = batches((16, 16))
    first = step(X, y)
    net.eval()
    kept = net[1].running_mean.copy()
    for X_or_Z in (X, Z):
        wanted = nn.cross_entropy(net(X_or_Z), y)
        np.testing.assert_allclose(step(X_or_Z, y), wanted, rtol=1e-12)
    np.testing.assert_array_equal(net[1].running_mean, kept)
    net[1].running_mean = kept + 1.0  # a buffer is not a constant of the recording
    np.testing.assert_allclose(step(X, y), nn.cross_entropy(net(X), y), rtol=1e-12)
    net.train()
    np.testing.assert_allclose(step(X, y), first, rtol=1e-12)
    assert step.stats()["recorded"] == 2


def test_dropout_may_be_turned_off_and_on():
    nets = mlp(dropout=0.5), mlp(dropout=0.5)
    steps = [
        f(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1))
        for f, net in zip((nn.eager_step, nn.compile_step), nets, strict=True)
    ]
    for p, (X, y) in zip((0.0, 0.5, 0.2, 0.0), batches((9,) * 4), strict=True):
        for net in nets:
            net[2].p = p
        np.testing.assert_allclose(*(step(X, y) for step in steps), rtol=1e-12)


class Branching(nn.Linear):
    def forward(self, x):
        y = super().forward(x)
        return y if np.sum(y) > 0 else -y


class Counting(nn.Linear):
    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(x)


class Noisy(nn.Linear):
    rng = None

    def forward(self, x):
        self.__dict__.setdefault("rng", np.random.default_rng(3))
        return super().forward(x) + self.rng.normal(size=(len(x.shape), 1))[0]


@pytest.mark.parametrize(
    ("kind", "why"),
    [(Branching, "looks at numbers"), (Counting, "sets the attribute 'calls'"),
     (Noisy, "draws random numbers")],
)  # fmt: skip
def test_what_cannot_be_replayed_is_eager(kind, why):
    def make():
        net = kind(6, 4, rng=0, dtype=D)
        net.__dict__["rng"] = np.random.default_rng(3)
        return net

    step = assert_same_training(make, batches((16,) * 5))
    assert step.stats()["eager"] == 5
    assert step.stats()["recorded"] == 0
    assert why in step.stats()["why"]


def test_losses_that_compute_with_labels_are_eager():
    def picked(outputs, y):
        return -np.mean(np.where(y == 1, outputs[:, 1], outputs[:, 0]))

    step = assert_same_training(mlp, batches((16,) * 4), picked)
    assert "computes with integer labels" in step.stats()["why"]


def test_batches_of_other_kinds_are_eager():
    data = [(RNG.integers(0, 5, (16, 6)), y) for _, y in batches((16,) * 3)]
    step = assert_same_training(mlp, data)
    assert step.stats()["eager"] == 3
    assert "array X of floats" in step.stats()["why"]
    lists = [(X.tolist(), y.tolist()) for X, y in batches((16,) * 3)]
    np_lists = [(np.array(X), np.array(y)) for X, y in lists]
    nets = mlp(), mlp()
    steps = [nn.compile_step(n, nn.cross_entropy, optim.SGD(n.parameters())) for n in nets]
    for one, other in zip(lists, np_lists, strict=True):
        assert steps[0](*one) == steps[1](*other)
    assert steps[0].stats()["replayed"] == 3


def test_checks_are_of_the_targets_of_the_batch_only():
    fixed = RNG.integers(0, 4, 16)

    def loss(outputs, y):
        return nn.cross_entropy(outputs, fixed) + nn.hinge_loss(outputs[:, 0], y)

    data = [(X, np.where(y > 1, 1.0, -1.0)) for X, y in batches((16,) * 4)]
    step = assert_same_training(mlp, data, loss)
    assert step.stats()["replayed"] == 4
    with pytest.raises(ValueError, match="needs labels of -1 and 1"):
        step(data[0][0], np.zeros(16))


def test_many_shapes_keep_the_latest_recordings(monkeypatch):
    monkeypatch.setattr("tapead.nn._steps.MOST_PROGRAMS", 4)
    net = mlp()
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters()))
    for n in range(1, 8):
        step(*batches((n,))[0])
    assert [shape[0] for shape, *_ in step.programs] == [4, 5, 6, 7]
    assert step.stats()["recorded"] == 7


def test_recordings_hold_no_arrays_of_the_size_of_the_weights():
    net = nn.MLP((400, 500, 4), rng=0, dtype=D)
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters()))
    step(*batches((4,), (400,))[0])
    tracemalloc.start()
    for n in (5, 6, 7):
        step(*batches((n,), (400,))[0])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1.5 * net[0].weight.value.nbytes  # the gradient of the last step


def test_errors_are_those_of_the_eager_step():
    net = mlp()
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters()))
    (X, y), before = batches((16,))[0], None
    for _ in range(2):  # when it is recorded, and when it is replayed
        with pytest.raises(ValueError, match="needs labels from 0 to 3, one output per class; got"):
            step(X, y + 4)
        before = net.state_dict() if before is None else before
        step(X, y)
    with pytest.raises(ValueError, match="last axis has length 6; got shape"):
        step(X[:, :3], y)
    with pytest.raises(TypeError, match="integer labels; got float64"):
        step(X, y.astype(float))
    with pytest.raises(TypeError, match=r"call optimizer.step\(closure\)"):
        nn.compile_step(net, nn.cross_entropy, optim.LBFGS(net.parameters()))


def test_labels_out_of_range_change_nothing():
    net = mlp()
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1))
    X, y = batches((16,))[0]
    step(X, y)
    before = net.state_dict()
    with pytest.raises(ValueError, match="got -1 to"):
        step(X, np.where(y == 0, -1, y))
    for name, x in net.state_dict().items():
        np.testing.assert_array_equal(x, before[name])


def test_fit_replays_and_takes_the_numbers_of_the_eager_step():
    X, y = batches((70,))[0]
    nets = mlp(dropout=0.2), mlp(dropout=0.2)
    makers = nn.eager_step, None
    histories = []
    for net, make in zip(nets, makers, strict=True):
        optimizer = optim.Adam(net.parameters())
        step = make and make(net, nn.cross_entropy, optimizer)
        histories.append(
            nn.fit(net, (X, y), loss=nn.cross_entropy, optimizer=optimizer, epochs=4, step=step)
        )
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-11)
