"""Sums of products and maxima over windows of images, against sums over their elements."""

import numpy as np
import pytest

import tapead
from tapead import nn, optim
from tapead.primitives._images import image_of

WINDOWS = np.lib.stride_tricks.sliding_window_view
RNG = np.random.default_rng(5)
CASES = {
    "plain": ((3, 2, 7, 6), (4, 2, 3, 2), (1, 1)),
    "strides": ((9, 3, 9, 11), (7, 3, 3, 2), (2, 3)),
    "gaps": ((2, 1, 9, 9), (2, 1, 1, 2), (3, 4)),
    "one": ((1, 1, 4, 4), (1, 1, 1, 1), (1, 1)),
    "whole": ((9, 2, 5, 4), (3, 2, 5, 4), (1, 1)),
    "row": ((2, 2, 1, 8), (3, 2, 1, 3), (1, 2)),
    "many-channels": ((2, 13, 5, 5), (14, 13, 3, 3), (1, 1)),
    "strips": ((5, 40, 40, 30), (3, 40, 3, 3), (1, 1)),
    "strips-and-strides": ((5, 40, 61, 31), (3, 40, 3, 2), (2, 3)),
}


def windows(x, kernel, stride=(1, 1)):
    return WINDOWS(x, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def convolution(x, w, stride=(1, 1)):
    found = np.tensordot(windows(x, w.shape[2:], stride), w, ((1, 4, 5), (1, 2, 3)))
    return np.moveaxis(found, -1, 1)


def maxima(x, kernel, stride=(1, 1)):
    return np.max(windows(x, kernel, stride), axis=(-2, -1))


def by_elements(x, w, v_bar, stride):
    """Value and adjoints of a convolution, element of the window by element."""
    v = np.zeros(v_bar.shape)
    x_bar, w_bar = np.zeros(x.shape), np.zeros(w.shape)
    for p in range(w.shape[2]):
        for q in range(w.shape[3]):
            at = tuple(
                slice(k, k + s * (n - 1) + 1, s)
                for k, s, n in zip((p, q), stride, v.shape[2:], strict=True)
            )
            v += np.einsum("nchw,oc->nohw", x[:, :, *at], w[:, :, p, q])
            x_bar[:, :, *at] += np.einsum("nohw,oc->nchw", v_bar, w[:, :, p, q])
            w_bar[:, :, p, q] = np.einsum("nohw,nchw->oc", v_bar, x[:, :, *at])
    return v, x_bar, w_bar


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("case", CASES)
def test_convolution_is_a_sum_over_elements(case, dtype, tolerance):
    shape, kernel, stride = CASES[case]
    x, w = RNG.normal(size=shape).astype(dtype), RNG.normal(size=kernel).astype(dtype)
    v, pullback = tapead.vjp(lambda x, w: convolution(x, w, stride), x, w)
    v_bar = RNG.normal(size=v.shape).astype(dtype)
    wanted = by_elements(*(a.astype(np.float64) for a in (x, w, v_bar)), stride)
    for found, exact in zip((v, *pullback(v_bar)), wanted, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, exact, rtol=0, atol=tolerance * np.abs(exact).max())


@pytest.mark.parametrize("case", ["plain", "strides", "gaps", "row"])
def test_derivatives_of_convolutions_to_second_order(case):
    shape, kernel, stride = CASES[case]
    x, w = RNG.normal(size=(2, *shape[1:])), RNG.normal(size=(2, *kernel[1:]))
    tapead.testing.check_grads(lambda x, w: convolution(x, w, stride), (x, w), order=2)
    v = tapead.hvp(lambda w: np.sum(np.tanh(convolution(x, w, stride)) ** 2), (w,), (w,))
    slope = tapead.grad(lambda w: np.sum(np.tanh(convolution(x, w, stride)) ** 2))
    difference = (slope(w * (1 + 1e-6)) - slope(w * (1 - 1e-6))) / 2e-6
    np.testing.assert_allclose(v[0], difference, atol=1e-6)


@pytest.mark.parametrize(("kernel", "stride"), [
    ((2, 2), (2, 2)), ((3, 2), (1, 1)), ((2, 3), (3, 3)), ((3, 3), (3, 2)), ((7, 6), (1, 1)),
])  # fmt: skip
def test_maxima_of_windows(kernel, stride):
    x = RNG.permutation(3 * 2 * 7 * 6).reshape(3, 2, 7, 6) / 8.0
    np.testing.assert_array_equal(
        tapead.vjp(lambda x: maxima(x, kernel, stride), x)[0], maxima(x, kernel, stride)
    )
    tapead.testing.check_grads(lambda x: maxima(x, kernel, stride), (x,), order=2)


def stacked_maxima(x, rows=3, columns=4):
    views = [x[:, :, i : i + rows, j : j + columns] for i in (0, 1) for j in (0, 1)]
    return np.max(np.stack(views), axis=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ties_and_nan_share_as_they_do_in_numpy_max(dtype):
    x = RNG.integers(0, 2, (2, 1, 4, 5)).astype(dtype)
    x[1, 0, 1, 1:3] = np.nan
    weights = np.arange(24.0).reshape(2, 1, 3, 4).astype(dtype)
    found = tapead.grad(lambda x: np.sum(maxima(x, (2, 2)) * weights))(x)
    expected = tapead.grad(lambda x: np.sum(stacked_maxima(x) * weights))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_is_not_the_largest_has_no_path():
    """0 times the infinite slope of a root at 0 is not met."""
    x = np.array([[[[0.0, 4.0], [0.0, 1.0]]]])
    f = lambda x: np.sum(maxima(np.sqrt(x), (2, 2)))  # noqa: E731
    expected = [[[[0.0, 0.25], [0.0, 0.0]]]]
    np.testing.assert_array_equal(tapead.grad(f)(x), expected)
    program = tapead.record(tapead.grad(f), x + 1.0, arrays=True)
    np.testing.assert_array_equal(program(x), expected)


def loss(x, w):
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 0)))
    y = maxima(np.tanh(convolution(x, w, (2, 1))), (2, 2), (1, 2))
    return np.sum(y * y)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 2e-5)])
def test_program_gives_the_numbers_of_the_recording(dtype, tolerance):
    x, w = (RNG.normal(size=size).astype(dtype) for size in CASES["plain"][:2])
    f = tapead.value_and_grad(loss, (0, 1))
    program = tapead.record(f, x, w, arrays=True)
    v, bars = program(1.1 * x, w)
    expected, expected_bars = f(1.1 * x, w)
    assert v == pytest.approx(expected, rel=tolerance)
    for found, exact in zip(bars, expected_bars, strict=True):
        np.testing.assert_allclose(found, exact, atol=tolerance * np.abs(exact).max())


@pytest.mark.parametrize("mode", ["jvp", "hvp"])
def test_program_of_other_modes(mode):
    x, w = (RNG.normal(size=size) for size in CASES["plain"][:2])
    f = lambda w: loss(x, w)  # noqa: E731
    if mode == "jvp":
        call = lambda w, d: tapead.jvp(f, (w,), (d,))[1]  # noqa: E731
    else:
        call = lambda w, d: tapead.jvp(tapead.grad(f), (w,), (d,))[1]  # noqa: E731
    program = tapead.record(call, w, w + 1.0, arrays=True)
    np.testing.assert_allclose(program(w, w), call(w, w), rtol=1e-10, atol=1e-10)


def test_vmap_over_images_and_over_weights():
    x, w = RNG.normal(size=(4, *CASES["plain"][0])), RNG.normal(size=(4, *CASES["plain"][1]))
    for argnum, axes in ((0, (0, None)), (1, (None, 0)), (1, (0, 0))):
        args = [a if axis == 0 else a[0] for a, axis in zip((x, w), axes, strict=True)]
        found = tapead.vmap(tapead.grad(loss, argnum), axes)(*args)
        for k in range(4):
            point = [a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True)]
            np.testing.assert_allclose(found[k], tapead.grad(loss, argnum)(*point), atol=1e-12)


def test_plain_windows_in_tapead_numpy():
    x, w = RNG.normal(size=(3, 2, 7, 6)), RNG.normal(size=(4, 2, 3, 2))
    views = windows(x, (3, 2), (2, 1))
    axes = ((1, 4, 5), (1, 2, 3))
    np.testing.assert_allclose(
        tapead.numpy.tensordot(views, w, axes), np.tensordot(views, w, axes), atol=1e-13
    )
    for axis in ((-2, -1), (4, 5), (2, 3), None):
        np.testing.assert_array_equal(tapead.numpy.max(views, axis), np.max(views, axis))
    assert tapead.numpy.max(views, (-2, -1), None, True).shape == (*views.shape[:4], 1, 1)
    counts = views.astype(int)
    assert tapead.numpy.max(counts, axis=(-2, -1)).dtype == counts.dtype
    with pytest.raises(ValueError, match="shape-mismatch"):
        tapead.numpy.tensordot(views, w[:, :1], axes)


def test_windows_that_are_an_argument_are_not_those_of_an_image():
    x = windows(RNG.permutation(60.0 + np.arange(60)).reshape(2, 1, 6, 5), (2, 3))
    f = tapead.grad(lambda x: np.sum(np.max(x, axis=(-2, -1)) ** 2))
    np.testing.assert_array_equal(f(x), f(x.copy()))


def test_windows_see_a_write_to_the_image():
    def f(x, w):
        image = x * 1.0
        views = windows(image, (3, 2))
        image[:, 0] = np.tanh(image[:, 1])
        return np.sum(np.tensordot(views, w, ((1, 4, 5), (1, 2, 3))) ** 2)

    x, w = (RNG.normal(size=size) for size in CASES["plain"][:2])
    tapead.testing.check_grads(f, (x[:1], w[:2]), order=1)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adjoints_of_overlapping_windows_add_up(dtype):
    x = RNG.normal(size=(6, 2, 12, 14)).astype(dtype)
    weights = RNG.normal(size=windows(x, (3, 2), (1, 2)).shape).astype(dtype)
    found = tapead.grad(lambda x: np.sum(windows(x, (3, 2), (1, 2)) * weights))(x)
    expected = np.zeros(x.shape)
    for p in range(3):
        for q in range(2):
            expected[:, :, p : p + 10, q : q + 13 : 2] += weights[..., p, q]
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("layer", [
    nn.Conv2d(2, 3, 3, rng=0, dtype=np.float64), nn.MaxPool2d(2), nn.AvgPool2d(3, 1, 1),
], ids=["conv", "max", "mean"])  # fmt: skip
def test_layers_take_any_number_of_rows(layer, rows):
    x = RNG.normal(size=(4, 2, 7, 6))
    whole, part = (tapead.vjp(layer.apply, layer.arrays(), a) for a in (x, x[:rows]))
    np.testing.assert_allclose(part[0], whole[0][:rows], atol=1e-13)
    bars = np.ones(whole[0].shape)
    np.testing.assert_allclose(part[1](bars[:rows])[1], whole[1](bars)[1][:rows], atol=1e-13)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding=1, rng=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 3, rng=2),
    )  # fmt: skip


def test_compiled_step_needs_no_python_and_no_adjoint_of_the_first_image():
    net = lenet()
    step = nn.compile_step(net, nn.cross_entropy, optim.SGD(net.parameters()))
    step(RNG.normal(size=(5, 1, 8, 8)).astype(np.float32), np.arange(5) % 3)
    text = next(iter(step.programs.values())).replay.to_text()
    assert text.count("conv2d_weights") == 2
    assert text.count("= conv2d_images") == 2  # of the second layer and of the mean
    for called in ("spread", "gather", "scatter", "copied", "matmul"):
        assert called not in text


def test_fit_compiles_nets_of_convolutions(monkeypatch):
    made = []
    compile_step = nn.compile_step
    monkeypatch.setattr(
        "tapead.nn._fit.compile_step",
        lambda *args, **kwargs: made.append(compile_step(*args, **kwargs)) or made[-1],
    )
    data = RNG.normal(size=(8, 1, 8, 8)).astype(np.float32), np.arange(8) % 3
    nn.fit(lenet(), data, loss=nn.cross_entropy, epochs=2, batch_size=4, progress=False)
    assert made[0].stats()["replayed"] == 4


@pytest.mark.parametrize("shape", [(32, 64, 28, 28), (2, 3, 4, 5, 6, 7)])
def test_an_array_of_its_own_is_no_image(shape):
    x = np.random.default_rng(5).normal(size=shape)
    assert image_of(x) is None
    wanted = x == np.max(x, axis=(-2, -1), keepdims=True)
    found = tapead.grad(lambda x: np.sum(np.max(x, axis=(-2, -1))))(x)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (2, 3, 0, 1), (1, 0, 3, 2)])
def test_images_in_other_orders_of_memory_are_images(order):
    x = np.zeros((5, 6, 7, 8)).transpose(order)
    found = windows(x, (2, 2), (2, 1))
    image, stride = image_of(found)
    assert stride == (2, 1)
    assert image.strides == x.strides
