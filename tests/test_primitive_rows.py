"""Every function of the table of primitives: value, both modes, second order, dtype, layout."""

import numpy as np
import pytest
from arrays import Sample, difference, directions, flat, samples, total

import tapead

SAMPLES = [
    pytest.param(Sample(function, args, kwargs), id=name)
    for name, function, args, kwargs in samples()
]
ACTIVE = [param for param in SAMPLES if param.values[0].arrays]


def close(got, expected, atol=2e-7, rtol=2e-6):
    np.testing.assert_allclose(got, expected, atol=atol * (1 + np.abs(expected).max(initial=0.0)),
                               rtol=rtol)  # fmt: skip


@pytest.mark.parametrize("f", ACTIVE)
def test_value_is_numpy_s(f):
    expected = f(*f.arrays)
    found = tapead.vjp(f, *f.arrays)[0]
    assert [np.shape(x) for x in found] == [np.shape(x) for x in expected]
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", ACTIVE)
def test_forward_mode_is_the_difference(f):
    tangents = directions(f.arrays)
    dots = tapead.jvp(f, tuple(f.arrays), tuple(tangents))[1]
    close(flat(dots), difference(f, f.arrays, tangents))


@pytest.mark.parametrize("f", ACTIVE)
def test_modes_agree(f):
    """<w, J v> = <J' w, v>."""
    tangents = directions(f.arrays)
    y, pullback = tapead.vjp(f, *f.arrays)
    w = [np.cos(np.arange(np.size(x)) + 1.0).reshape(np.shape(x)) for x in y]
    w = [float(x) if np.ndim(x) == 0 else x for x in w]
    dots = tapead.jvp(f, tuple(f.arrays), tuple(tangents))[1]
    left = flat(w) @ flat(dots)
    right = flat(pullback(w)) @ flat(tangents)
    scale = np.abs(flat(w)) @ np.abs(flat(dots)) + 1.0
    assert abs(left - right) <= 1e-11 * scale


@pytest.mark.parametrize("f", ACTIVE)
def test_second_order_is_the_difference_of_gradients(f):
    argnums = tuple(range(len(f.arrays)))
    tangents = directions(f.arrays, 1)

    def gradient(*arrays):
        return list(tapead.grad(lambda *xs: total(f(*xs)), argnums)(*arrays))

    products = tapead.jvp(gradient, tuple(f.arrays), tuple(tangents))[1]
    expected = difference(gradient, f.arrays, tangents)
    close(flat(products), expected, atol=1e-6, rtol=1e-5)

    def slope(*arrays):
        return sum(np.sum(g * d) for g, d in zip(gradient(*arrays), tangents, strict=True))

    close(flat(tapead.grad(slope, argnums)(*f.arrays)), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("f", ACTIVE)
def test_precision_is_numpy_s(f):
    narrow = [x.astype(np.float32) for x in f.arrays]
    wide = [x.astype(np.float64) for x in narrow]
    y, pullback = tapead.vjp(f, *narrow)
    for x, plain in zip(y, f(*narrow), strict=True):
        assert np.ndim(x) == 0 or x.dtype == plain.dtype
    bars = pullback([1.0 if np.ndim(x) == 0 else np.ones_like(x) for x in y])
    assert all(bar.dtype == np.float32 for bar in bars)
    y, pullback = tapead.vjp(f, *wide)
    exact = pullback([1.0 if np.ndim(x) == 0 else np.ones_like(x) for x in y])
    np.testing.assert_allclose(flat(bars), flat(exact), rtol=2e-3, atol=2e-3)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "negative": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("f", ACTIVE)
def test_layout_of_the_memory_does_not_matter(f, layout):
    laid = [LAYOUTS[layout](x) for x in f.arrays]
    y, pullback = tapead.vjp(f, *f.arrays)
    ones = [1.0 if np.ndim(x) == 0 else np.ones_like(x) for x in y]
    expected = pullback(ones)
    found = tapead.vjp(f, *laid)[1](ones)
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-11, atol=1e-11)
