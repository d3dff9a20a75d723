"""Training: what an epoch does, what is measured, how it stops and goes on."""

import io
import sys

import numpy as np
import pytest

from tapead import nn, optim

RNG = np.random.default_rng(9)
X = RNG.normal(size=(90, 3)).astype(np.float32)
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.1 * RNG.normal(size=(90, 1))).astype(np.float32)
LABELS = (X[:, 0] > X[:, 1]).astype(int)


def net_of(dropout=0.0, dtype=np.float32):
    return nn.MLP((3, 8, 1), activation="tanh", dropout=dropout, rng=0, dtype=dtype)


def test_epochs_are_steps_of_batches_in_the_order_of_the_seed():
    """By hand, in float64: the linear net's gradient in closed form, plain gradient descent."""
    net = nn.Linear(3, 1, rng=0, dtype=np.float64)
    w, b = net.weight.value.copy(), net.bias.value.copy()
    x, y = X.astype(float), Y.astype(float)
    optimizer = optim.SGD(net.parameters(), lr=0.05)
    history = nn.fit(
        net, (x, y), loss=nn.mse_loss, optimizer=optimizer, epochs=3, batch_size=40, seed=4, l2=0.1
    )
    losses = []
    for epoch in range(3):
        order, total = np.random.default_rng((4, epoch + 1)).permutation(90), 0.0
        for rows in (order[:40], order[40:80], order[80:]):
            residual = x[rows] @ w.T + b - y[rows]
            total += (np.mean(residual**2) + 0.05 * np.sum(w**2)) * len(rows)
            w_bar = 2.0 * residual.T @ x[rows] / len(rows) + 0.1 * w
            b_bar = 2.0 * residual.mean(axis=0)
            w, b = w - 0.05 * w_bar, b - 0.05 * b_bar
        losses.append(total / 90)
    np.testing.assert_allclose(net.weight.value, w, rtol=1e-12)
    np.testing.assert_allclose(net.bias.value, b, rtol=1e-11)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)


def test_fit_is_the_loop_that_people_write():
    ours, by_hand = net_of(), net_of()
    nn.fit(ours, (X, Y), loss=nn.mse_loss, epochs=4, batch_size=32, seed=1)
    optimizer = optim.Adam(by_hand.parameters())
    for epoch in range(4):
        order = np.random.default_rng((1, epoch + 1)).permutation(90)
        for i in range(0, 90, 32):
            rows = order[i : i + 32]
            optimizer.zero_grad()
            loss = nn.mse_loss(by_hand(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=2e-6, atol=1e-7)  # sums in other orders


def test_history_has_what_was_measured():
    net = nn.MLP((3, 8, 2), rng=0)
    schedule = optim.StepLR(optimizer := optim.Adam(net.parameters(), lr=0.02), 2)
    history = nn.fit(
        net, (X, LABELS), loss=nn.cross_entropy, optimizer=optimizer, schedule=schedule, epochs=4,
        validation=0.2, metrics={"accuracy": nn.accuracy},
    )  # fmt: skip
    assert history.names == ["loss", "val_loss", "val_accuracy", "lr"]
    np.testing.assert_allclose(history["lr"], [0.02, 0.02, 0.002, 0.002])
    *_, aside, labels = nn.split(X, LABELS, 0.2, 0)
    assert len(labels) == 18
    assert history["val_loss"][-1] == float(nn.cross_entropy(net(aside), labels))
    assert history["val_accuracy"][-1] == nn.accuracy(net(aside), labels)
    with pytest.raises(KeyError, match="no 'f1' was measured; there are loss"):
        history["f1"]
    assert repr(history).startswith("History(4 epochs; last: loss=")


def test_validation_of_its_own_is_not_trained_on():
    net = net_of()
    history = nn.fit(
        net, (X[:60], Y[:60]), loss=nn.mse_loss, validation=(X[60:], Y[60:]), epochs=3,
        metrics={"r2": nn.r2},
    )  # fmt: skip
    other = net_of()
    nn.fit(other, (X[:60], Y[:60]), loss=nn.mse_loss, epochs=3)
    np.testing.assert_array_equal(net(X), other(X))
    assert history["val_r2"][-1] == nn.r2(net(X[60:]), Y[60:])


def test_fit_leaves_the_net_in_evaluation():
    net = net_of(dropout=0.5)
    nn.fit(net, (X, Y), loss=nn.mse_loss, epochs=1)
    assert not net.training
    assert type(net(X)) is np.ndarray
    np.testing.assert_array_equal(nn.predict(net, X), net(X))


def test_step_may_be_replaced():
    net, seen = net_of(), []
    inner = nn.eager_step(net, nn.mse_loss, optim.Adam(net.parameters()))

    def step(x, y):
        seen.append(len(x))
        return inner(x, y)

    nn.fit(net, (X, Y), loss=nn.mse_loss, epochs=2, batch_size=40, step=step)
    assert seen == [40, 40, 10] * 2
    with pytest.raises(ValueError, match="build them into your own"):
        nn.fit(net, (X, Y), loss=nn.mse_loss, step=step, l2=0.1)


def test_step_of_some_parameters_leaves_the_others():
    net = net_of()
    first = net[0].weight.value.copy()
    optimizer = optim.SGD(net[2].parameters(), lr=0.1)
    nn.fit(net, (X, Y), loss=nn.mse_loss, optimizer=optimizer, epochs=1, clip_norm=1.0)
    np.testing.assert_array_equal(net[0].weight.value, first)
    assert net[2].bias.value != 0.0


def test_penalties_and_clipping_enter_the_step():
    net, other = net_of(dtype=np.float64), net_of(dtype=np.float64)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    value = nn.eager_step(net, nn.mse_loss, optimizer, l1=0.01, l2=0.02, clip_norm=0.1)(X, Y)
    loss = nn.mse_loss(other(X), Y) + nn.l2_penalty(other, 0.02) + nn.l1_penalty(other, 0.01)
    loss.backward()
    optim.clip_grad_norm_(other.parameters(), 0.1)
    optim.SGD(other.parameters(), lr=0.1).step()
    assert value == float(loss)
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-14)


def test_early_stopping_returns_to_the_best_epoch():
    net, losses, states = net_of(), [5.0, 3.0, 2.0, 2.5, 2.2, 1.0], []

    def step(x, y):
        net[2].bias.value += 1.0
        states.append(net[2].bias.value.item())
        return losses[len(states) - 1]

    history = nn.fit(
        net, (X, Y), loss=nn.mse_loss, step=step, batch_size=90, epochs=6, early_stopping=2
    )
    assert history["loss"] == [5.0, 3.0, 2.0, 2.5, 2.2]
    assert history.best_epoch == 2
    assert net[2].bias.value == states[2]


# -- checkpoints ------------------------------------------------------------------------------


def trained(path, epochs, resume=False, **keywords):
    """A net with dropout, a schedule that watches, early stopping: all that has a state."""
    net = nn.Sequential(
        nn.Linear(3, 8, rng=0), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3, rng=5),
        nn.Linear(8, 1, rng=1),
    )  # fmt: skip
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    keywords = {"batch_size": 20, "seed": 2, "early_stopping": 6} | keywords
    history = nn.fit(
        net, (X, Y), loss=nn.mse_loss, optimizer=optimizer, schedule=schedule, epochs=epochs,
        validation=0.2, checkpoint=path, resume=resume, **keywords,
    )  # fmt: skip
    return net, history


@pytest.mark.parametrize("stop", [1, 4, 9])
def test_resumed_training_comes_to_the_same_bits(tmp_path, stop):
    whole, history = trained(tmp_path / "whole.npz", 10)
    trained(tmp_path / "parts.npz", stop)
    parts, resumed = trained(tmp_path / "parts.npz", 10, resume=True)
    assert resumed.rows == history.rows
    for name, x in whole.state_dict().items():
        np.testing.assert_array_equal(x, parts.state_dict()[name])
    for name, x in np.load(tmp_path / "whole.npz", allow_pickle=False).items():
        np.testing.assert_array_equal(x, np.load(tmp_path / "parts.npz")[name])


def test_resuming_without_a_file_starts(tmp_path):
    _, history = trained(tmp_path / "none.npz", 2, resume=True)
    assert len(history) == 2


def test_checkpoint_of_another_run(tmp_path):
    trained(tmp_path / "run.npz", 1)
    with pytest.raises(ValueError, match=r"checkpoint is of a run with .*'batch_size': 20"):
        trained(tmp_path / "run.npz", 2, resume=True, batch_size=30)
    np.savez(tmp_path / "other.npz", x=np.ones(2))
    with pytest.raises(ValueError, match="no checkpoint of fit"):
        trained(tmp_path / "other.npz", 2, resume=True)


# -- what is refused --------------------------------------------------------------------------


def test_divergence_is_an_error():
    net = net_of()
    with pytest.raises(nn.DivergenceError, match=r"became (inf|nan) in epoch \d+, batch \d+"):
        nn.fit(
            net, (X, 1e3 * Y), loss=nn.mse_loss, epochs=50,
            optimizer=optim.SGD(net.parameters(), lr=1e3),
        )  # fmt: skip


@pytest.mark.parametrize(("data", "message"), [
    ((X, Y[:5]), r"one target per row; got \(90, 3\) and \(5, 1\)"),
    ((X[:, 0], Y), r"shape \(rows, \.\.\.\)"),
    ((np.where(X > 2.0, np.nan, X), Y), "the data have nan in row"),
    ((X, np.full_like(Y, np.inf)), "the targets have inf in row 0, column 0"),
    ((X[:, :2], Y), r"Linear\(3, 8\) needs arrays whose last axis has length 3"),
    ((X, Y[:, 0]), "mse_loss needs targets of the shape"),
])  # fmt: skip
def test_data_that_do_not_fit(data, message):
    with pytest.raises(ValueError, match=message):
        nn.fit(net_of(), data, loss=nn.mse_loss)


def test_data_set_is_taken_whole():
    data = nn.Dataset(X, Y, "regression")
    assert len(nn.fit(net_of(), data, loss=nn.mse_loss, validation=data, epochs=1)) == 1
    with pytest.raises(TypeError, match="validation is a share"):
        nn.fit(net_of(), data, loss=nn.mse_loss, validation=1)


def test_data_that_are_no_numbers():
    with pytest.raises(TypeError, match="data have to be numbers; got <U1"):
        nn.fit(net_of(), (np.full((2, 3), "a"), [1.0, 2.0]), loss=nn.mse_loss)


# -- progress and plots -----------------------------------------------------------------------


def test_progress_is_a_bar_with_loss_and_rate(capsys):
    pytest.importorskip("tqdm")
    nn.fit(net_of(), (X, Y), loss=nn.mse_loss, epochs=2, progress=True)
    err = capsys.readouterr().err
    assert "epoch 2/2: 100%" in err
    assert "loss" in err
    assert "batch/s" in err


def test_progress_without_tqdm_is_lines(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    nn.fit(net_of(), (X, Y), loss=nn.mse_loss, epochs=2, progress=True)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("epoch 1/2  loss ")
    assert second.endswith("batches/s")


def test_no_progress_where_there_is_no_terminal(capsys):
    nn.fit(net_of(), (X, Y), loss=nn.mse_loss, epochs=1)
    assert capsys.readouterr() == ("", "")


def test_history_is_drawn():
    pytest.importorskip("matplotlib")
    history = nn.fit(
        net_of(), (X, Y), loss=nn.mse_loss, epochs=3, validation=0.2, metrics={"r2": nn.r2}
    )
    file = io.BytesIO()
    axes = history.plot(file)
    assert [line.get_ydata().tolist() for line in axes.get_lines()] == [
        history["loss"], history["val_loss"],
    ]  # fmt: skip
    assert file.getvalue().startswith(b"\x89PNG")


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tapead\[nn\]'"):
        nn.History([{"loss": 1.0}]).plot()
