"""Modules: arrays by name, both spellings, files, and what a result can do."""

import copy
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tapead
from tapead import nn, optim

RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 3))
LABELS = np.array([0, 1, 2, 1, 0, 2])


def net_of(dtype=np.float64, rng=0):
    return nn.MLP((3, 4, 3), activation="tanh", rng=rng, dtype=dtype)


def by_hand(params, x, labels):
    """Loss and gradients of the 3-4-3 tanh network with softmax cross-entropy, in closed form."""
    w1, b1, w2, b2 = (params[k] for k in ("0.weight", "0.bias", "2.weight", "2.bias"))
    h = np.tanh(x @ w1.T + b1)
    z = h @ w2.T + b2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    local = (p - np.eye(z.shape[1])[labels]) / len(x)
    inner = (local @ w2) * (1.0 - h**2)
    gradients = [inner.T @ x, inner.sum(axis=0), local.T @ h, local.sum(axis=0)]
    return -np.log(p[rows, labels]).mean(), dict(zip(params, gradients, strict=True))


def test_functional_gradient_is_the_closed_form():
    net = net_of()
    value, gradients = tapead.value_and_grad(
        lambda params, x, y: nn.cross_entropy(net.apply(params, x), y)
    )(net.arrays(), X, LABELS)
    expected, wanted = by_hand(net.arrays(), X, LABELS)
    assert value == pytest.approx(expected, rel=1e-14)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(gradients[name], gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_spellings_give_the_same_bits(dtype):
    net = net_of(dtype)
    x = X.astype(dtype)
    loss = nn.cross_entropy(net(x), LABELS) + nn.l2_penalty(net, 0.1)
    loss.backward()

    def objective(params):
        return nn.cross_entropy(net.apply(params, x), LABELS) + nn.l2_penalty(params, 0.1)

    value, gradients = tapead.value_and_grad(objective)(net.arrays())
    assert float(loss) == value
    for name, parameter in net.named_parameters():
        assert parameter.grad.dtype == dtype
        np.testing.assert_array_equal(parameter.grad, gradients[name])


def test_both_spellings_train_to_the_same_bits():
    ours, functional = net_of(), net_of()
    optimizer = optim.Adam(ours.parameters(), lr=0.05)
    params = functional.arrays()
    other = optim.Adam(params, lr=0.05)
    swept = tapead.grad(lambda p: nn.cross_entropy(functional.apply(p, X), LABELS))
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.cross_entropy(ours(X), LABELS)
        loss.backward()
        optimizer.step()
        other.step(swept(params))
    for a, b in zip(ours.parameters(), functional.parameters(), strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_gradients_add_up_until_they_are_forgotten():
    net = net_of()
    for _ in range(2):
        nn.cross_entropy(net(X), LABELS).backward()
    twice = net[0].weight.grad
    net.zero_grad()
    assert net[0].weight.grad is None
    nn.cross_entropy(net(X), LABELS).backward()
    np.testing.assert_array_equal(twice, 2.0 * net[0].weight.grad)


def test_gradient_of_two_calls_in_one_loss():
    net = net_of()
    loss = nn.cross_entropy(net(X[:3]), LABELS[:3]) + nn.cross_entropy(net(X[3:]), LABELS[3:])
    (0.5 * loss).backward()
    _, wanted = by_hand(net.arrays(), X, LABELS)
    np.testing.assert_allclose(net[2].weight.grad, wanted["2.weight"], rtol=1e-12)


def test_a_result_that_is_kept_does_not_see_old_parameters():
    net = net_of()
    kept = net(X)
    net[2].bias.value += 1.0
    np.testing.assert_allclose(net(X).value, kept.value + 1.0)


def test_net_within_a_net_and_numpy_in_between():
    first, second = nn.Linear(3, 2, rng=0, dtype=float), nn.Linear(2, 1, rng=1, dtype=float)
    loss = np.mean(np.abs(second(np.tanh(first(X))[:, ::-1])))
    loss.backward()

    def objective(a, b):
        return np.mean(np.abs(second.apply(b, np.tanh(first.apply(a, X))[:, ::-1])))

    a, b = tapead.grad(objective, argnums=(0, 1))(first.arrays(), second.arrays())
    np.testing.assert_array_equal(first.weight.grad, a["weight"])
    np.testing.assert_array_equal(second.bias.grad, b["bias"])


def test_derivative_by_the_argument_of_a_net():
    net = net_of()
    gradient = tapead.grad(lambda x: nn.cross_entropy(net(x), LABELS))(X)
    h = 1e-6
    moved = X.copy()
    moved[2, 1] += h
    net.eval()
    slope = (nn.cross_entropy(net(moved), LABELS) - nn.cross_entropy(net(X), LABELS)) / h
    assert gradient[2, 1] == pytest.approx(slope, rel=1e-4)


def test_second_derivatives_by_parameters():
    net = net_of()
    tapead.testing.check_grads(
        lambda params: nn.cross_entropy(net.apply(params, X), LABELS), (net.arrays(),)
    )


def test_result_is_an_array_of_its_recording():
    net = net_of()
    y = net(X)
    assert (y.shape, len(y), y.ndim, y.dtype) == ((6, 3), 6, 2, np.float64)
    np.testing.assert_array_equal(y.T.reshape(-1).value, y.value.T.reshape(-1))
    np.testing.assert_array_equal([row.value[0] for row in y], y.value[:, 0])
    np.testing.assert_array_equal((1.0 - y).value, 1.0 - y.value)
    np.testing.assert_array_equal(np.concatenate([y, y]).value, np.concatenate([y.value] * 2))
    np.testing.assert_array_equal(y > 0.0, y.value > 0.0)
    total = y.sum()
    assert f"{total:.3f}" == f"{y.value.sum():.3f}"
    assert repr(total).startswith("Result(")


def test_result_is_never_made_plain_in_silence():
    y = net_of()(X)
    with pytest.raises(TypeError, match=r"net\.eval\(\)"):
        np.asarray(y)


def test_backward_needs_a_number_or_a_gradient():
    net = net_of()
    with pytest.raises(ValueError, match=r"starts from one number; got shape \(6, 3\)"):
        net(X).backward()
    with pytest.raises(ValueError, match="has that shape"):
        net(X).backward(np.ones(3))
    net(X).backward(np.ones((6, 3)))
    np.testing.assert_array_equal(net[2].bias.grad, np.full(3, 6.0))


def test_results_of_swept_recordings_do_not_mix():
    net = net_of()
    old = nn.cross_entropy(net(X), LABELS)
    old.backward()
    with pytest.raises(tapead.TapeError, match="two recordings"):
        old + nn.cross_entropy(net(X), LABELS)


def test_evaluation_gives_plain_arrays():
    net = net_of().eval()
    assert type(net(X)) is np.ndarray
    assert isinstance(nn.cross_entropy(net(X), LABELS), float)
    assert isinstance(net.train()(X), nn.Result)


def test_plain_arguments_take_the_precision_of_the_parameters():
    net = nn.MLP((3, 4, 3), rng=0)
    assert net(X).dtype == net.eval()(X).dtype == np.float32
    assert net.apply(net.arrays(), X).dtype == np.float32


def test_names_are_pytorch_s():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Residual(nn.Linear(4, 4)))
    assert list(net.state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "2.module.weight", "2.module.bias",
        "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert net[0].weight.shape == (4, 3)


def test_shared_parameters_count_once():
    layer = nn.Linear(3, 3, rng=0, dtype=float)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert len(list(net.parameters())) == 2
    net(X).sum().backward()
    gradient = tapead.grad(lambda p: np.sum(net.apply(p, X)))(net.arrays())
    np.testing.assert_array_equal(layer.weight.grad, gradient["0.weight"])


def test_state_goes_through_a_file_without_pickle(tmp_path):
    net, other = net_of(np.float32, 0), net_of(np.float32, 1)
    net.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        assert set(file.files) == set(net.state_dict())
    other.load(tmp_path / "net.npz")
    np.testing.assert_array_equal(net.eval()(X), other.eval()(X))
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


def test_file_that_is_no_state(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"net\.npz is no \.npz file"):
        net_of().load(path)
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"net\.npz is no \.npz file"):
        net_of().load(path)


def test_state_of_another_net_changes_nothing():
    net = net_of()
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"without 0\.bias, .* and with the unknown w"):
        net.load_state_dict({"w": 0.0})
    with pytest.raises(ValueError, match=r"0\.weight needs shape \(4, 3\); got \(3, 4\)"):
        net.load_state_dict(before | {"0.weight": np.zeros((3, 4)), "0.bias": np.ones(4)})
    for name, x in net.state_dict().items():
        np.testing.assert_array_equal(x, before[name])


def test_params_that_do_not_fit():
    net = net_of()
    params = net.arrays()
    with pytest.raises(ValueError, match=r"params\['0\.bias'\] needs shape \(4,\); got \(2,\)"):
        net.apply(params | {"0.bias": np.ones(2)}, X)
    with pytest.raises(KeyError, match="no parameters w"):
        net.apply(params | {"w": 1.0}, X)
    with pytest.raises(KeyError, match=r"lack '0\.weight'"):
        net.apply({}, X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_are_nets_of_their_own(copied):
    net = net_of()
    other = copied(net)
    other[0].bias.value += 1.0
    assert not np.array_equal(net.eval()(X), other.eval()(X))
    assert len(list(other.parameters())) == 4


def test_module_of_a_user():
    class Gated(nn.Module):
        def __init__(self, n):
            self.inner = nn.Linear(n, n, rng=0, dtype=float)
            self.gate = nn.Parameter(np.zeros(n))
            self.register_buffer("offset", np.ones(n))

        def forward(self, x, *, scale=1.0):
            return scale * self.inner(x) * tapead.sigmoid(self.gate) + self.offset

    net = Gated(3)
    assert list(net.arrays()) == ["gate", "inner.weight", "inner.bias"]
    assert set(net.state_dict()) == {*net.arrays(), "offset"}
    np.testing.assert_allclose(net(X, scale=2.0).value, net.inner.eval()(X) + 1.0, rtol=1e-12)
    net.gate = None
    assert "gate" not in net.arrays()
    with pytest.raises(AttributeError, match="Gated has no attribute 'door'"):
        net.door  # noqa: B018
    with pytest.raises(NotImplementedError, match="does not define forward"):
        nn.Module()(X)


def test_parameter_of_integers():
    with pytest.raises(TypeError, match="float32 or float64; got int64"):
        nn.Parameter([1, 2])


def test_recordings_go_with_their_results():
    net = net_of()
    kept = net(X)
    recording = weakref.ref(kept._recording)
    assert net(X)._recording is recording()
    del kept
    assert recording() is None


def test_threads_have_recordings_of_their_own():
    net = net_of()
    kept = net(X)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: net(X)).result()
    assert other._recording is not kept._recording
    np.testing.assert_array_equal(other.value, kept.value)


def test_net_in_a_program_and_over_many_points():
    net = net_of()

    def objective(params, x):
        return nn.cross_entropy(net.apply(params, x), LABELS)

    program = tapead.record(objective, net.arrays(), X, arrays=True)
    value, gradient = program.value_and_grad(net.arrays(), X)
    wanted, expected = by_hand(net.arrays(), X, LABELS)
    assert value == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(gradient["0.weight"], expected["0.weight"], rtol=1e-12)
    net.eval()
    rows = tapead.vmap(lambda x: net.apply(net.arrays(), x))(X)
    np.testing.assert_allclose(rows, net(X), rtol=1e-14)


def test_an_exception_in_a_call_leaves_nothing_behind():
    net = net_of()
    with pytest.raises(ValueError, match="needs arrays whose last axis"):
        net(np.ones((2, 5)))
    assert isinstance(net[0].weight, nn.Parameter)
    nn.cross_entropy(net(X), LABELS).backward()
    _, wanted = by_hand(net.arrays(), X, LABELS)
    np.testing.assert_allclose(net[0].weight.grad, wanted["0.weight"], rtol=1e-12)
