"""Real data: trained beside PyTorch step for step, and as good as scikit-learn's perceptrons."""

import numpy as np
import pytest

from tapead import nn, optim

pytest.importorskip("sklearn")
DIGITS = nn.load_dataset("digits")


def architectures(torch):
    """Nets of both libraries, and the shape of what they take."""
    keywords, dtype = {"dtype": np.float64}, {"dtype": torch.float64}
    yield (
        nn.MLP((64, 32, 10), rng=0, **keywords),
        torch.nn.Sequential(
            torch.nn.Linear(64, 32, **dtype), torch.nn.ReLU(), torch.nn.Linear(32, 10, **dtype)
        ),
        (64,),
    )
    yield (
        nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1, rng=0, **keywords), nn.BatchNorm2d(6, **keywords),
            nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, rng=1, **keywords), nn.Tanh(),
            nn.Flatten(), nn.Linear(32, 10, rng=2, **keywords),
        ),
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 6, 3, padding=1, **dtype), torch.nn.BatchNorm2d(6, **dtype),
            torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(6, 8, 3, **dtype),
            torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(32, 10, **dtype),
        ),
        (1, 8, 8),
    )  # fmt: skip


@pytest.mark.parametrize("which", [0, 1], ids=["mlp", "convolutions"])
def test_training_is_pytorch_s_step_for_step(which):
    torch = pytest.importorskip("torch")
    net, other, shape = list(architectures(torch))[which]
    other.load_state_dict({k: torch.tensor(x) for k, x in net.state_dict().items()})
    x, y = DIGITS.X[:400].astype(float).reshape(-1, *shape), DIGITS.y[:400]
    optimizer = torch.optim.AdamW(other.parameters(), lr=0.01)
    losses = []

    def step(rows, labels):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(other(torch.tensor(rows)), torch.tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        return losses[-1]

    ours = nn.eager_step(net, nn.cross_entropy, optim.AdamW(net.parameters(), lr=0.01))
    mine = []

    def both(rows, labels):
        mine.append(ours(rows, labels))
        return step(rows, labels)

    nn.fit(net, (x, y), loss=nn.cross_entropy, step=both, epochs=5, batch_size=50)
    np.testing.assert_allclose(mine, losses, rtol=1e-7)
    for key, parameter in other.state_dict().items():
        np.testing.assert_allclose(
            net.state_dict()[key], parameter.numpy(), rtol=1e-6, atol=1e-8, err_msg=key
        )
    outputs = other.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(nn.predict(net, x), outputs, rtol=1e-6, atol=1e-7)


BUDGETS = {
    "digits": (64, 15, 0.95), "wine": (16, 40, 0.93), "breast_cancer": (32, 15, 0.94),
    "diabetes": (32, 20, 0.35),
}  # fmt: skip


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_as_good_as_scikit_learn_with_the_same_budget(name):
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    hidden, epochs, least = BUDGETS[name]
    X, y, task, classes = nn.load_dataset(name)
    ours, theirs = [], []
    for seed in (0, 1):
        x, t, x_test, t_test = nn.split(X, y, 0.25, seed)
        x, x_test = nn.standardize(x, x_test)
        kind, loss, metric = MLPClassifier, nn.cross_entropy, nn.accuracy
        if task == "regression":
            t, t_test = nn.standardize(t, t_test)
            kind, loss, metric = MLPRegressor, nn.mse_loss, nn.r2
        net = nn.MLP((x.shape[1], hidden, len(classes) or 1), rng=seed)
        nn.fit(net, (x, t), loss=loss, epochs=epochs, seed=seed)
        ours.append(metric(nn.predict(net, x_test), t_test))
        model = kind(
            hidden_layer_sizes=(hidden,), batch_size=32, max_iter=epochs, random_state=seed,
            alpha=0.0, n_iter_no_change=epochs,
        )  # fmt: skip
        theirs.append(model.fit(x, t.ravel()).score(x_test, t_test.ravel()))
    # 2 of 100 is the spread from seed to seed of either; a regression's is larger
    spread = 0.02 if task == "classification" else 0.06
    assert np.mean(ours) > max(least, np.mean(theirs) - spread), (ours, theirs)


def test_a_small_set_is_learned_by_heart():
    x, y = DIGITS.X[:60], DIGITS.y[:60]
    net = nn.MLP((64, 64, 10), rng=0)
    history = nn.fit(
        net, (x, y), loss=nn.cross_entropy, epochs=40, batch_size=20, metrics={"a": nn.accuracy},
        optimizer=optim.Adam(net.parameters(), lr=0.01),
    )  # fmt: skip
    assert history["a"][-1] == 1.0


def test_convolutions_learn_digits():
    x, y, x_test, y_test = nn.split(DIGITS.X.reshape(-1, 1, 8, 8), DIGITS.y, 0.25)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, rng=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 10, rng=2),
    )  # fmt: skip
    nn.fit(
        net, (x, y), loss=nn.cross_entropy, epochs=6,
        optimizer=optim.Adam(net.parameters(), lr=0.005),
    )  # fmt: skip
    assert nn.accuracy(nn.predict(net, x_test), y_test) > 0.95


def test_linear_autoencoder_comes_to_the_principal_components():
    x = DIGITS.X[:200].astype(float)
    x = x - x.mean(axis=0)
    net = nn.Sequential(
        nn.Linear(64, 3, bias=False, rng=0, dtype=float),
        nn.Linear(3, 64, bias=False, rng=1, dtype=float),
    )  # fmt: skip
    optimizer = optim.LBFGS(net.parameters(), max_iter=400, tolerance_change=1e-14)

    def closure():
        optimizer.zero_grad()
        loss = nn.mse_loss(net(x), x)
        loss.backward()
        return loss

    left = np.linalg.svd(x, compute_uv=False)[3:]
    assert optimizer.step(closure) == pytest.approx(np.sum(left**2) / x.size, rel=1e-5)
