"""Layers, activations and losses beside PyTorch's: values, gradients, what is learned."""

import numpy as np
import pytest

from tapead import nn

torch = pytest.importorskip("torch", reason="PyTorch is the second source here")

RNG = np.random.default_rng(11)
F64 = {"dtype": np.float64}
T64 = {"dtype": torch.float64}
ROWS, IMAGES = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 2, 9, 8))
LAYERS = {
    "linear": (nn.Linear(4, 3, rng=0, **F64), torch.nn.Linear(4, 3, **T64), ROWS),
    "conv": (nn.Conv2d(2, 3, 3, rng=0, **F64), torch.nn.Conv2d(2, 3, 3, **T64), IMAGES),
    "conv-strided": (
        nn.Conv2d(2, 3, (3, 2), (2, 3), (1, 2), rng=0, **F64),
        torch.nn.Conv2d(2, 3, (3, 2), (2, 3), (1, 2), **T64), IMAGES,
    ),
    "batch-norm-1d": (nn.BatchNorm1d(4, **F64), torch.nn.BatchNorm1d(4, **T64), ROWS),
    "batch-norm-2d": (nn.BatchNorm2d(2, **F64), torch.nn.BatchNorm2d(2, **T64), IMAGES),
    "layer-norm": (nn.LayerNorm(4, **F64), torch.nn.LayerNorm(4, **T64), ROWS),
    "max-pool": (nn.MaxPool2d(3, 2, 1), torch.nn.MaxPool2d(3, 2, 1), IMAGES),
    "avg-pool": (nn.AvgPool2d(3, 2, 1), torch.nn.AvgPool2d(3, 2, 1), IMAGES),
    "relu": (nn.ReLU(), torch.nn.ReLU(), ROWS),
    "sigmoid": (nn.Sigmoid(), torch.nn.Sigmoid(), ROWS),
    "tanh": (nn.Tanh(), torch.nn.Tanh(), ROWS),
    "softplus": (nn.Softplus(), torch.nn.Softplus(), ROWS),
    "leaky-relu": (nn.LeakyReLU(0.2), torch.nn.LeakyReLU(0.2), ROWS),
    "elu": (nn.ELU(0.7), torch.nn.ELU(0.7), ROWS),
    "gelu": (nn.GELU(), torch.nn.GELU(), ROWS),
    "gelu-tanh": (nn.GELU("tanh"), torch.nn.GELU("tanh"), ROWS),
    "silu": (nn.SiLU(), torch.nn.SiLU(), ROWS),
    "softmax": (nn.Softmax(), torch.nn.Softmax(dim=-1), ROWS),
}  # fmt: skip
LABELS, BITS = np.array([0, 2, 1, 1, 0, 3]), RNG.integers(0, 2, (6, 4))
TARGETS = RNG.normal(size=(6, 4))
LOSSES = {
    "mse": (nn.mse_loss, torch.nn.functional.mse_loss, TARGETS),
    "huber": (nn.huber_loss, torch.nn.functional.huber_loss, TARGETS),
    "cross-entropy": (nn.cross_entropy, torch.nn.functional.cross_entropy, LABELS),
    "margin": (nn.multi_margin_loss, torch.nn.functional.multi_margin_loss, LABELS),
    "binary": (
        nn.binary_cross_entropy_with_logits,
        torch.nn.functional.binary_cross_entropy_with_logits, BITS.astype(float),
    ),
}  # fmt: skip


def same_weights(net, other):
    """Give both nets the same random parameters, by name."""
    state = {name: RNG.normal(size=x.shape) for name, x in net.arrays().items()}
    net.load_state_dict(net.state_dict() | state)
    other.load_state_dict({k: torch.tensor(x) for k, x in net.state_dict().items()}, strict=True)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_pytorch_s(name):
    net, other, x = LAYERS[name]
    same_weights(net, other)
    weights = RNG.normal(size=other(torch.tensor(x)).shape)
    same_weights(net, other)  # statistics as they were
    leaf = torch.tensor(x, requires_grad=True)
    y = other(leaf)
    (y * torch.tensor(weights)).sum().backward()
    import tapead

    def objective(params, x):
        return np.sum(net.apply(params, x) * weights)

    here, x_bar = tapead.grad(objective, argnums=(0, 1))(net.arrays(), x)
    np.testing.assert_allclose(x_bar, leaf.grad.numpy(), rtol=1e-9, atol=1e-12)
    for key, parameter in other.named_parameters():
        np.testing.assert_allclose(here[key], parameter.grad.numpy(), rtol=1e-9, atol=1e-12)
    for key, buffer in other.named_buffers():
        np.testing.assert_allclose(net.state_dict()[key], buffer.numpy(), rtol=1e-12)
    np.testing.assert_allclose(
        net.eval()(x), other.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-9, atol=1e-12
    )
    net.train()
    other.train()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_pytorch_s(name, reduction):
    import tapead

    ours, theirs, target = LOSSES[name]
    leaf = torch.tensor(ROWS, requires_grad=True)
    wanted = theirs(leaf, torch.tensor(target), reduction=reduction)
    np.testing.assert_allclose(
        ours(ROWS, target, reduction=reduction), wanted.detach().numpy(), rtol=1e-12
    )
    wanted.sum().backward()
    gradient = tapead.grad(lambda x: np.sum(ours(x, target, reduction=reduction)))(ROWS)
    np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-11, atol=1e-14)


def test_a_state_goes_from_pytorch_to_here():
    other = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    net = nn.MLP((4, 5, 2), activation="tanh")
    net.load_state_dict({k: x.numpy() for k, x in other.state_dict().items()})
    wanted = other(torch.tensor(ROWS, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(net.eval()(ROWS), wanted, rtol=1e-5, atol=1e-6)
