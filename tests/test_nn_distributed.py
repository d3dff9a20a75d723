"""Training on a cluster of two processes: the bits of one process, and steps in pickles."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from branches import same
from clusters import connected

import tapead
from tapead import _replicas, _shards, _workers, distributed, nn, optim

RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def client():
    with connected() as client:
        yield client


# -- training


def batch(n, shape=(6,), n_classes=4):
    return RNG.normal(size=(n, *shape)).astype(np.float32), RNG.integers(0, n_classes, n)


def train(make, data, client, shards, loss=nn.cross_entropy, optimiser=None, **options):
    """Losses, and all arrays of net and optimiser at the end."""
    net = make()
    optimizer = (optimiser or (lambda p: optim.Adam(p, lr=0.01)))(net.parameters())
    step = distributed.compile_step(net, loss, optimizer, shards=shards, client=client, **options)
    losses = [step(X, y) for X, y in data]
    return losses, net.state_dict(), optimizer.state_dict()


def mlp(dropout=0.0, dtype=np.float32):
    return nn.MLP((6, 12, 4), "tanh", dropout=dropout, rng=0, dtype=dtype)


def normed():
    return nn.Sequential(
        nn.Linear(6, 12, rng=0), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3, rng=1),
        nn.Linear(12, 4, rng=2),
    )  # fmt: skip


def conv():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(27, 4, rng=2),
    )  # fmt: skip


NETS = {
    "mlp": (mlp, (6,)),
    "double": (lambda: mlp(dtype=np.float64), (6,)),
    "dropout": (lambda: mlp(dropout=0.4), (6,)),
    "batch norm": (normed, (6,)),
    "convolution": (conv, (1, 6, 6)),
}


@pytest.mark.parametrize(("name", "shards"), [("mlp", 1), ("mlp", 20), *((n, 3) for n in NETS)])
def test_training_has_the_bits_of_one_process(client, name, shards):
    make, shape = NETS[name]
    data = [batch(n, shape) for n in (17, 17, 10, 17)]
    options = {"l2": 0.01, "clip_norm": 0.5}
    here = train(make, data, None, shards, **options)
    same(train(make, data, client, shards, **options), here)


def test_one_shard_is_the_step_of_one_machine():
    data, net = [batch(16) for _ in range(5)], mlp()
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    step = nn.compile_step(net, nn.cross_entropy, optimizer, l1=0.001)
    wanted = [step(X, y) for X, y in data], net.state_dict(), optimizer.state_dict()
    same(train(mlp, data, None, 1, l1=0.001), wanted)


@pytest.mark.parametrize("shards", [2, 5, 16])
def test_shards_add_up_to_the_gradient_of_the_batch(shards):
    """To rounding; the second source is an eager step."""
    data, net = [batch(16) for _ in range(8)], mlp(dtype=np.float64)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    step = nn.eager_step(net, nn.cross_entropy, optimizer, l2=0.01, clip_norm=0.3)
    wanted = [step(X, y) for X, y in data]
    losses, state, _ = train(
        lambda: mlp(dtype=np.float64), data, None, shards, l2=0.01, clip_norm=0.3,
        optimiser=lambda p: optim.SGD(p, lr=0.1),
    )  # fmt: skip
    np.testing.assert_allclose(losses, wanted, rtol=1e-11)
    for name, x in net.state_dict().items():
        np.testing.assert_allclose(state[name], x, rtol=1e-10, atol=1e-13)


def test_masks_come_from_the_seed_and_the_shard():
    """Dropout of each shard, drawn by hand and differentiated without a step."""
    net, (X, y) = mlp(dropout=0.4, dtype=np.float64), batch(12)
    params, parts = {k: x.copy() for k, x in net.arrays().items()}, []
    twin = mlp(dropout=0.4, dtype=np.float64)
    twin_layer = next(m for _, m in twin.named_modules() if isinstance(m, nn.Dropout))
    seed = int(twin_layer.rng.integers(2**63))
    for i in range(3):
        twin_layer.rng = np.random.default_rng((seed, i))
        rows = slice(4 * i, 4 * i + 4)
        parts.append(
            tapead.value_and_grad(
                lambda p, rows=rows: nn.cross_entropy(twin.apply(p, X[rows]), y[rows])
            )(params)
        )
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=1.0), shards=3
    )
    assert step(X, y) == pytest.approx(np.mean([value for value, _ in parts]), rel=1e-12)
    for name, x in net.arrays().items():
        slope = np.mean([gradient[name] for _, gradient in parts], axis=0)
        np.testing.assert_allclose(x, params[name] - slope, rtol=1e-9, atol=1e-12)


def test_running_statistics_are_the_mean_over_shards():
    net, (X, y) = normed(), batch(16)
    first = net[0](X).value
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=4
    )
    step(X, y)
    means = first.reshape(4, 4, 12).mean(axis=1)
    np.testing.assert_allclose(net[1].running_mean, 0.1 * means.mean(axis=0), rtol=1e-4, atol=1e-6)
    variances = first.reshape(4, 4, 12).var(axis=1, ddof=1).mean(axis=0)
    np.testing.assert_allclose(net[1].running_var, 0.9 + 0.1 * variances, rtol=1e-4)
    assert net[1].num_batches_tracked == 1


def test_frozen_statistics_stay(client):
    net, (X, y) = normed(), batch(15)
    net[1].running_mean = RNG.normal(size=12).astype(np.float32)
    net.eval()
    before = net.state_dict()
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=3, client=client
    )
    step(X, y)
    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        np.testing.assert_array_equal(net.state_dict()[name], before[name])


def test_fit_takes_the_step_and_resumes(client, tmp_path):
    X, y = batch(50)

    def fitted(client, epochs, **options):
        net = mlp(dropout=0.2)
        optimizer = optim.Adam(net.parameters(), lr=0.01)
        step = distributed.compile_step(net, nn.cross_entropy, optimizer, shards=2, client=client)
        history = nn.fit(
            net, (X, y), loss=nn.cross_entropy, optimizer=optimizer, step=step, epochs=epochs,
            batch_size=16, validation=0.2, progress=False, **options,
        )  # fmt: skip
        return history["val_loss"], net.state_dict()

    here = fitted(None, 3)
    same(fitted(client, 3), here)
    path = tmp_path / "checkpoint.npz"
    fitted(client, 2, checkpoint=path)
    same(fitted(client, 3, checkpoint=path, resume=True), here)


def test_state_that_is_changed_between_steps_is_seen(client):
    def changed(client):
        net, (X, y) = mlp(), ones()
        step = distributed.compile_step(
            net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=2, client=client
        )
        losses = [step(X, y)]
        for parameter in net.parameters():
            parameter.value[...] *= 0.5
        losses.append(step(X, y))
        return losses, net.state_dict()

    def ones():
        return np.ones((6, 6), np.float32), np.arange(6) % 4

    same(changed(client), changed(None))


def test_stats_count_bytes():
    net = mlp()
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=2
    )
    step(*batch(8))
    n = 4 * (6 * 12 + 12 + 12 * 4 + 4)
    assert step.stats() == {"steps": 1, "state": n, "gradient": n}


def test_worker_that_is_lost_in_training_loses_nothing(client, tmp_path):
    path, pid = tmp_path / "killed", os.getpid()

    class Fragile(nn.Module):
        def __init__(self):
            self.inner = nn.MLP((6, 12, 4), "tanh", dropout=0.2, rng=0)
            self.path, self.pid = path, pid

        def forward(self, x):
            if os.getpid() != self.pid and x.shape[0] == 9 and not os.path.exists(self.path):
                with open(self.path, "w"):
                    pass
                os._exit(1)
            return self.inner(x)

    data = [batch(16), batch(16), batch(18), batch(16), batch(16)]
    here = train(Fragile, data, None, shards=2)
    assert not path.exists()
    same(train(Fragile, data, client, shards=2), here)
    assert path.exists()
    client.wait_for_workers(2, timeout=60)


def test_threads_of_a_worker_have_copies_of_their_own():
    """Many parts at a time, recorded and replayed in four threads."""
    net, (X, y) = normed(), batch(24)
    gradients = _replicas.Gradients(net, nn.cross_entropy, 0.0, 0.0)
    layout, modes = _replicas.Layout(net), (True,) * len(_replicas.modules_of(net))
    state = _replicas.State(layout.pack(net), modes, {4: 11})

    def part(i):
        rows = slice(2 * i, 2 * i + 4 + i % 3)
        found = _replicas.part_of(gradients, state, i, X[rows], y[rows], 0.5)
        return found.value, found.gradients, found.statistics

    serial = [part(i) for i in range(9)]
    gradients.idle.clear()
    with ThreadPoolExecutor(4) as pool:
        same(list(pool.map(part, list(range(9)) * 4)), serial * 4)


# -- steps in pickles


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
@pytest.mark.parametrize("name", NETS)
def test_step_goes_on_from_a_pickle(name, way):
    """Also in the middle, with generators and the optimiser's state; the other goes its own way."""
    make, shape = NETS[name]
    net, data = make(), [batch(n, shape) for n in (16, 5, 16, 5)]
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    step = nn.compile_step(net, nn.cross_entropy, optimizer, l2=0.01, clip_norm=0.4)
    for X, y in data:
        step(X, y)
    again = pickle.loads(pickle.dumps(step)) if way == "pickle" else copy.deepcopy(step)
    assert again.stats() == {"recorded": 0, "replayed": 0, "eager": 0, "why": None}
    wanted = [step(X, y) for X, y in data]
    same([again(X, y) for X, y in data], wanted)
    same(again.net.state_dict(), net.state_dict())
    same(again.optimizer.state_dict(), optimizer.state_dict())
    assert again.stats()["replayed"] == 4


def test_step_in_a_pickle_keeps_its_net():
    net, (X, y) = mlp(), batch(8)
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1))
    other, again = pickle.loads(pickle.dumps((net, step)))
    again(X, y)
    step(X, y)
    same(other.state_dict(), net.state_dict())


def test_step_goes_to_a_worker(client):
    """A whole training there: the bits of that here."""
    net, data = mlp(dropout=0.3), [batch(16) for _ in range(4)]
    step = nn.compile_step(net, nn.cross_entropy, optim.Adam(net.parameters(), lr=0.01))

    def trained(step, data):
        return [step(X, y) for X, y in data], step.net.state_dict(), step.stats()["replayed"]

    there = client.submit(trained, step, data).result()
    same(there, trained(step, data))


def test_pickles_of_optimisers_leave_out_what_they_compute_in():
    class Signs(optim.Optimizer):
        def update(self, x, gradient, state, spare):
            np.sign(gradient, out=spare[0])
            x -= self.lr * spare[0]

    x = np.ones(1000)
    optimizer = Signs([x], lr=0.5)
    optimizer.step([x])
    again = copy.deepcopy(optimizer)
    again.step([x])
    assert "_spare" not in optimizer.__getstate__()
    assert x[0] == 0.5
    assert again.params[0][0] == 0.0


def test_steps_that_cannot_be_replayed_are_refused(client):
    class Draws(nn.Module):
        def __init__(self):
            self.inner, self.noise = nn.Linear(6, 4, rng=0), np.random.default_rng(0)

        def forward(self, x):
            return self.inner(x + self.noise.normal())

    class Looks(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(6, 4, rng=0)

        def forward(self, x):
            y = self.inner(x)
            return y if y[0, 0] > 0 else -y

    for make, reason in ((Draws, "draws random numbers"), (Looks, "looks at numbers")):
        for where in (None, client):
            net = make()
            step = distributed.compile_step(
                net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=2, client=where
            )
            before = net.state_dict()
            with pytest.raises(ValueError, match=reason):
                step(*batch(8))
            same(net.state_dict(), before)


def test_arguments_of_steps_are_checked(client):
    net = mlp()
    make = {"loss": nn.cross_entropy, "optimizer": optim.SGD(net.parameters(), lr=0.1)}
    with pytest.raises(ValueError, match="shards is an int"):
        distributed.compile_step(net, **make, shards=0)
    with pytest.raises(TypeError, match="LBFGS evaluates the loss by itself"):
        distributed.compile_step(net, nn.mse_loss, optim.LBFGS(net.parameters()), shards=2)
    with pytest.raises(ValueError, match="this one has none"):
        distributed.compile_step(nn.ReLU(), **make, shards=2)
    for where in (None, client):
        step = distributed.compile_step(net, **make, shards=2, client=where)
        X, y = batch(8)
        with pytest.raises(ValueError, match="as many rows"):
            step(X, y[:5])
        with pytest.raises(ValueError, match="as many rows"):
            step(X[:0], y[:0])
        with pytest.raises(ValueError, match=r"matmul|shape"):
            step(X[:, :5], y)
        with pytest.raises(ValueError, match=r"label|class"):
            step(X, y + 7)
        step(X, y)
        assert step.stats()["steps"] == 1


def test_net_that_has_other_arrays_needs_another_step():
    net = mlp()
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=2
    )
    net.register_buffer("more", np.ones(3))
    with pytest.raises(ValueError, match="make the step anew"):
        step(*batch(8))


def test_worker_of_another_version_is_refused(client, monkeypatch):
    monkeypatch.setattr(_shards, "__version__", "0.0.7")
    net = mlp()
    step = distributed.compile_step(
        net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1), shards=2, client=client
    )
    with pytest.raises(RuntimeError, match=r"and the client 0\.0\.7"):
        step(*batch(8))


def test_state_goes_from_worker_to_worker(client, monkeypatch):
    """As that of a large net does."""
    monkeypatch.setattr(_workers, "SMALL", 0)
    data = [batch(16) for _ in range(3)]
    same(train(mlp, data, client, 3), train(mlp, data, None, 3))


def test_large_nets_and_batches_travel_without_a_warning(client):
    """More than the 10 MB from which dask gives advice."""
    net, X = nn.Linear(3000, 1000, rng=0), np.ones((4, 3000), np.float32)
    step = distributed.compile_step(
        net, nn.mse_loss, optim.SGD(net.parameters(), lr=0.1), shards=2, client=client
    )
    assert step(X, np.zeros((4, 1000), np.float32)) > step(X, np.zeros((4, 1000), np.float32))
