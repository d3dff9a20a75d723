"""Layers and activations, against formulas written out, differences, and PyTorch's."""

import itertools

import numpy as np
import pytest
from scipy import signal, special

import tapead
from tapead import nn

RNG = np.random.default_rng(7)
IMAGES = RNG.normal(size=(3, 2, 7, 6))
F64 = {"dtype": np.float64}

FORMULAS = {
    nn.ReLU: lambda x: np.maximum(x, 0.0),
    nn.Sigmoid: special.expit,
    nn.Tanh: np.tanh,
    nn.Softplus: lambda x: np.log1p(np.exp(x)),
    nn.LeakyReLU: lambda x: np.maximum(x, 0.01 * x),
    nn.ELU: lambda x: np.maximum(x, 0.0) + np.minimum(np.expm1(x), 0.0),
    nn.GELU: lambda x: 0.5 * x * (1.0 + special.erf(x / np.sqrt(2.0))),
    nn.SiLU: lambda x: x / (1.0 + np.exp(-x)),
    nn.Softmax: lambda x: special.softmax(x, axis=-1),
    nn.Identity: lambda x: x,
}
X = RNG.normal(size=(5, 4)) * 2.0


def values_of(net, x):
    return net.train().apply(net.arrays(), x)


@pytest.mark.parametrize("kind", FORMULAS, ids=lambda kind: kind.__name__)
def test_activation_is_its_formula(kind):
    np.testing.assert_allclose(kind()(X), FORMULAS[kind](X), rtol=1e-13)
    assert kind()(X.astype(np.float32)).dtype == np.float32
    tapead.testing.check_grads(lambda x: kind()(x) * np.ones((5, 4)), (X,), order=2)


def test_gelu_by_tanh():
    np.testing.assert_allclose(nn.gelu(X, "tanh"), nn.gelu(X), atol=1e-3)
    with pytest.raises(ValueError, match="approximate is"):
        nn.gelu(X, "sigmoid")


@pytest.mark.parametrize(("kind", "slope"), [(nn.ReLU, 0.0), (nn.LeakyReLU, 0.01), (nn.ELU, 1.0)])
def test_slope_at_zero(kind, slope):
    assert tapead.elementwise_grad(kind())(np.zeros(2)).tolist() == [slope, slope]


def test_activations_do_not_overflow():
    x = np.array([-1e4, 1e4])
    with np.errstate(all="raise", under="ignore"):
        for kind in (nn.Sigmoid, nn.Softplus, nn.ELU, nn.Softmax):
            assert np.isfinite(kind()(x)).all()
            assert np.isfinite(tapead.grad(lambda x, f: np.sum(f(x)))(x, kind())).all()


def test_linear_is_a_product():
    layer = nn.Linear(4, 2, rng=0, **F64)
    layer.bias.value[...] = [1.0, -1.0]
    expected = np.einsum("ri,oi->ro", X, layer.weight.value) + layer.bias.value
    np.testing.assert_allclose(values_of(layer, X), expected, rtol=1e-13)
    assert nn.Linear(4, 2, bias=False).bias is None
    with pytest.raises(ValueError, match=r"Linear\(4, 2\) needs arrays .* 4; got shape \(5, 3\)"):
        layer(X[:, :3])


def test_mlp_is_its_layers():
    net = nn.MLP((4, 6, 5, 2), activation="sigmoid", rng=3, **F64)
    assert [p.shape for p in net.parameters()] == [(6, 4), (6,), (5, 6), (5,), (2, 5), (2,)]
    h = X
    for i in (0, 2):
        h = special.expit(h @ net[i].weight.value.T + net[i].bias.value)
    expected = h @ net[4].weight.value.T + net[4].bias.value
    np.testing.assert_allclose(values_of(net, X), expected, rtol=1e-13)


def test_mlp_refuses_what_is_none():
    with pytest.raises(ValueError, match="two or more sizes"):
        nn.MLP((4,))
    with pytest.raises(ValueError, match=r"activation is one of relu, .*; got 'rleu'"):
        nn.MLP((4, 3, 2), activation="rleu")
    with pytest.raises(TypeError, match="has to make a Module; got a float"):
        nn.MLP((4, 3, 2), activation=float)
    with pytest.raises(TypeError, match="dtype is float32 or float64; got int64"):
        nn.MLP((4, 2), dtype=int)


def test_dropout_drops_its_share_and_keeps_the_mean():
    layer = nn.Dropout(0.25, rng=0)
    x = np.ones((200, 100))
    y = layer(x)
    assert np.mean(y == 0.0) == pytest.approx(0.25, abs=0.01)
    assert set(np.unique(y).tolist()) == {0.0, 1.0 / 0.75}
    np.testing.assert_array_equal(layer.eval()(x), x)
    with pytest.raises(ValueError, match="below 1"):
        nn.Dropout(1.0)


def test_dropout_has_the_derivative_of_its_mask():
    net = nn.Sequential(nn.Linear(4, 3, rng=0, **F64), nn.Dropout(0.5, rng=1))
    y = net(X)
    y.sum().backward()
    np.testing.assert_array_equal(net[0].bias.grad, 2.0 * (y.value != 0.0).sum(axis=0))


def test_layers_of_one_net_drop_by_streams_of_their_own():
    net = nn.MLP((4, 8, 8, 2), dropout=0.5, rng=0)
    assert not np.array_equal(net[2].rng.random(8), net[5].rng.random(8))


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (4, 3, 5, 2)], ids=str)
def test_batch_norm_is_its_formula(shape):
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    layer, x = kind(3, **F64), RNG.normal(size=shape) * 3.0 + 1.0
    layer.weight.value[...], layer.bias.value[...] = [1.0, 2.0, -1.0], [0.0, 1.0, 2.0]
    flat = np.moveaxis(x, 1, -1).reshape(-1, 3)
    mean, var = flat.mean(axis=0), flat.var(axis=0)
    y = (flat - mean) / np.sqrt(var + 1e-5) * layer.weight.value + layer.bias.value
    got = values_of(layer, x)
    np.testing.assert_allclose(np.moveaxis(got, 1, -1).reshape(-1, 3), y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer.running_mean, 0.1 * mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, 0.9 + 0.1 * flat.var(axis=0, ddof=1), rtol=1e-12)
    tapead.testing.check_grads(layer.apply, (layer.arrays(), x), order=1)
    layer.eval()
    learned = (flat - layer.running_mean) / np.sqrt(layer.running_var + 1e-5)
    wanted = learned * layer.weight.value + layer.bias.value
    np.testing.assert_allclose(np.moveaxis(layer(x), 1, -1).reshape(-1, 3), wanted, rtol=1e-12)


def test_batch_norm_keeps_plain_statistics_of_a_recording():
    layer = nn.BatchNorm1d(4)
    layer(X).sum().backward()
    assert type(layer.running_mean) is np.ndarray
    assert layer.running_mean.dtype == np.float32
    assert layer.num_batches_tracked == 1
    with pytest.raises(ValueError, match="two or more values of each feature"):
        layer(X[:1])
    with pytest.raises(ValueError, match="4 long on the second; got shape"):
        layer(X[:, :3])


def test_layer_norm_is_its_formula():
    layer = nn.LayerNorm((2, 7, 6), **F64)
    layer.weight.value[...] = RNG.normal(size=(2, 7, 6))
    flat = IMAGES.reshape(3, -1)
    rows = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(
        values_of(layer, IMAGES), rows.reshape(IMAGES.shape) * layer.weight.value, rtol=1e-11
    )
    with pytest.raises(ValueError, match="last axes have the shape"):
        layer(X)


def test_residual_adds():
    inner = nn.Linear(4, 4, rng=0, **F64)
    np.testing.assert_array_equal(values_of(nn.Residual(inner), X), X + inner.eval()(X))
    narrow = nn.Linear(4, 2, rng=0, **F64)
    with pytest.raises(ValueError, match="give a shortcut"):
        nn.Residual(narrow)(X)
    assert nn.Residual(narrow, nn.Linear(4, 2, **F64))(X).shape == (5, 2)


def windows(x, kernel, stride, padding, fill=0.0):
    """Position in the result, and the window that belongs to it, one after the other."""
    (p, q), (s, t), (kh, kw) = padding, stride, kernel
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=fill)
    rows, columns = range(0, x.shape[2] - kh + 1, s), range(0, x.shape[3] - kw + 1, t)
    for (i, a), (j, b) in itertools.product(enumerate(rows), enumerate(columns)):
        yield (i, j), x[:, :, a : a + kh, b : b + kw]


SHAPES = [
    ((3, 3), (1, 1), (0, 0)), ((3, 2), (2, 1), (1, 1)), ((1, 1), (1, 1), (0, 0)),
    ((2, 2), (3, 2), (1, 0)), ((7, 6), (1, 1), (0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
def test_convolution_is_sums_over_windows(kernel, stride, padding):
    layer = nn.Conv2d(2, 4, kernel, stride, padding, rng=0, **F64)
    layer.bias.value[...] = [1.0, 2.0, 3.0, 4.0]
    y = values_of(layer, IMAGES)
    for (i, j), window in windows(IMAGES, kernel, stride, padding):
        expected = np.einsum("ncij,ocij->no", window, layer.weight.value) + layer.bias.value
        np.testing.assert_allclose(y[:, :, i, j], expected, rtol=1e-11, atol=1e-13)
    assert y[0, 0].size == sum(1 for _ in windows(IMAGES, kernel, stride, padding))


def test_convolution_is_scipy_s_correlation():
    layer = nn.Conv2d(2, 1, 3, bias=False, rng=0, **F64)
    expected = sum(
        signal.correlate2d(IMAGES[0, c], layer.weight.value[0, c], mode="valid") for c in (0, 1)
    )
    np.testing.assert_allclose(values_of(layer, IMAGES)[0, 0], expected, rtol=1e-11)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES)
def test_derivatives_of_a_convolution(kernel, stride, padding):
    layer = nn.Conv2d(2, 2, kernel, stride, padding, rng=0, **F64)
    tapead.testing.check_grads(layer.apply, (layer.arrays(), IMAGES[:1]), order=1)


@pytest.mark.parametrize(("kernel", "stride", "padding"), SHAPES[:4])
@pytest.mark.parametrize(("kind", "value", "fill"), [
    (nn.MaxPool2d, np.max, -np.inf), (nn.AvgPool2d, np.mean, 0.0),
], ids=["max", "mean"])  # fmt: skip
def test_pool_is_a_number_per_window(kind, value, fill, kernel, stride, padding):
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
    layer = kind(kernel, stride, padding)
    y = layer(IMAGES)
    for (i, j), window in windows(IMAGES, kernel, stride, padding, fill):
        np.testing.assert_allclose(y[:, :, i, j], value(window, axis=(2, 3)), rtol=1e-13)
    tapead.testing.check_grads(layer, (IMAGES[:1],), order=1)


def test_images_that_do_not_fit():
    with pytest.raises(ValueError, match=r"needs shape \(rows, 2, height, width\); got \(5, 4\)"):
        nn.Conv2d(2, 3, 3)(X)
    with pytest.raises(ValueError, match="images of 7 x 6 are smaller than the window"):
        nn.MaxPool2d(8)(IMAGES)
    with pytest.raises(ValueError, match="padding is at most half the kernel"):
        nn.AvgPool2d(2, padding=2)
    with pytest.raises(ValueError, match="stride is one integer or two, not below 1; got 0"):
        nn.Conv2d(2, 3, 3, stride=0)


@pytest.mark.parametrize(("init", "variance"), [
    (nn.fan_in_uniform, 1.0 / 900), (nn.glorot_uniform, 2.0 / 500), (nn.glorot_normal, 2.0 / 500),
    (nn.he_uniform, 2.0 / 300), (nn.he_normal, 2.0 / 300),
], ids=lambda x: getattr(x, "__name__", ""))  # fmt: skip
def test_initialisers_have_their_variance(init, variance):
    weights = init((200, 300), rng=0)
    assert weights.dtype == np.float32
    assert weights.var() == pytest.approx(variance, rel=0.03)  # 3 standard errors of 60,000
    np.testing.assert_array_equal(weights, init((200, 300), rng=0))


def test_initialisers_count_the_kernel():
    assert nn.he_normal((50, 20, 5, 5), rng=0).var() == pytest.approx(2.0 / 500, rel=0.03)
    with pytest.raises(ValueError, match="shape of weights"):
        nn.he_normal((5,))
    with pytest.raises(ValueError, match="init is one of fan_in_uniform"):
        nn.Linear(2, 3, init="xavier")
    with pytest.raises(ValueError, match=r"has to return shape \(3, 2\); got \(2, 3\)"):
        nn.Linear(2, 3, init=lambda shape, rng, dtype: np.ones(shape[::-1]))
