"""Sums of products over windows of images, and maxima of windows, in one pass over the images.

They stand for `numpy.tensordot` and `numpy.max` of what `sliding_window_view` makes, which then is
never laid out in memory. A convolution is linear in images, weights and the adjoint of the result,
so that the rules of each of three primitives are the two others.
"""

import math

import numpy as np

from tapead._array import Array, made_marks, view_of
from tapead._images import computed
from tapead.primitives._reductions import EXTREMUM_SAMPLES, largest
from tapead.primitives._row import Primitive, answers, is_traced


def _conv2d_value(x, w, stride):
    (n, _, *size), (filters, _, *window) = x.shape, w.shape
    result = ((a - k) // s + 1 for a, k, s in zip(size, window, stride, strict=True))
    return computed("conv2d", [x, w], (n, filters, *result), stride)


def _conv2d_pullback(i, v_bar, v, x, w, stride):
    if i == 0:
        return _conv2d_images(v_bar, w, stride=stride, size=x.shape[2:])
    return _conv2d_weights(x, v_bar, stride=stride, size=w.shape[2:])


def _images_pullback(i, v_bar, v, y, w, stride, size):
    if i == 0:
        return _conv2d(v_bar, w, stride=stride)
    return _conv2d_weights(v_bar, y, stride=stride, size=w.shape[2:])


def _weights_pullback(i, v_bar, v, x, y, stride, size):
    if i == 0:
        return _conv2d_images(y, v_bar, stride=stride, size=x.shape[2:])
    return _conv2d(x, v_bar, stride=stride)


_conv2d = Primitive(
    "conv2d",
    _conv2d_value,
    _conv2d_pullback,
    reads="xy",
    adjoints=("Z̄ spread by Y", "windows of X times Z̄"),
)

_conv2d_images = Primitive(
    "conv2d_images",
    lambda y, w, stride, size: computed(
        "conv2d_images", [y, w], (y.shape[0], w.shape[1], *size), stride
    ),
    _images_pullback,
    reads="xy",
    adjoints=("windows of Z̄ times Y", "windows of Z̄ times X"),
)

_conv2d_weights = Primitive(
    "conv2d_weights",
    lambda x, y, stride, size: computed(
        "conv2d_weights", [x, y], (y.shape[1], x.shape[1], *size), stride
    ),
    _weights_pullback,
    reads="xy",
    adjoints=("Y spread by Z̄", "windows of X times Z̄"),
)


def _max_value(x, window, stride):
    size = ((a - k) // s + 1 for a, k, s in zip(x.shape[2:], window, stride, strict=True))
    return computed("max_pool2d", [x], (*x.shape[:2], *size), window + stride)


def _tangent_value(x_dot, x, v, window, stride):
    """Mean of the tangents of those elements of a window that are its largest, or NaN."""
    dots, terms = (_windows(a, window, stride) for a in (x_dot, x))
    hits = (terms == v[..., None, None]) | np.isnan(terms)
    total = np.sum(dots, axis=(-2, -1), where=hits)
    return (total / np.count_nonzero(hits, axis=(-2, -1))).astype(x_dot.dtype)


def _windows(x, window, stride):
    found = np.lib.stride_tricks.sliding_window_view(x, window, axis=(2, 3))
    return found[:, :, :: stride[0], :: stride[1]]


_max_pool = Primitive(
    "max_pool2d",
    _max_value,
    lambda i, v_bar, v, x, **how: _max_pool_images(v_bar, x, v, **how),
    lambda i, x_dot, v, x, **how: _max_pool_tangents(x_dot, x, v, **how),
    reads="xv",
    adjoints=("Z̄ / number of ties, where x = z",),
)


def _shared(w, x, v, window, stride):
    made_marks()
    return computed("max_pool2d_images", [w, x, v], x.shape, window + stride)


# The choice of elements is constant between the ties: there is no path from `x` and `v`.
_max_pool_images = Primitive(
    "max_pool2d_images",
    _shared,
    lambda i, v_bar, v, w, x, z, **how: _max_pool_tangents(v_bar, x, z, **how) if i == 0 else None,
    lambda i, w_dot, v, w, x, z, **how: (
        _max_pool_images(w_dot, x, z, **how) if i == 0 else np.zeros(x.shape, w.dtype)
    ),
    reads="yz",
    adjoints=("mean of Z̄ where y = z",),
)
_max_pool_tangents = Primitive(
    "max_pool2d_tangents",
    _tangent_value,
    lambda i, v_bar, v, w, x, z, **how: _max_pool_images(v_bar, x, z, **how) if i == 0 else None,
    lambda i, w_dot, v, w, x, z, **how: (
        _max_pool_tangents(w_dot, x, z, **how) if i == 0 else np.zeros(z.shape, w.dtype)
    ),
    reads="yz",
    adjoints=("Z̄ / number of ties, where y = z",),
)


def image_of(windows):
    """The image that the last four axes are windows of, and their stride; None if there is none.

    What `sliding_window_view` and slices with steps make: element (i, j, p, q) is the image's
    element (s * i + p, t * j + q).
    """
    if windows.size == 0 or _layout_of(windows) is None:
        return None
    if not is_traced(windows):
        shape, strides, stride = _layout_of(windows)
        return np.lib.stride_tricks.as_strided(windows, shape, strides, writeable=False), stride
    windows = windows[...]  # an array without a base may move to other memory
    found = _layout_of(windows)
    if found is None:
        return None
    shape, strides, stride = found
    return view_of(windows, np.lib.stride_tricks.as_strided, shape, strides), stride


def _layout_of(windows):
    """Shape and strides of the image, and the stride of its windows; None if it is none."""
    *lead, rows, columns, kh, kw = windows.shape
    *steps, down, right, row, column = windows.strides
    if row <= 0 or column <= 0:
        return None
    s = down // row if rows > 1 else 1
    t = right // column if columns > 1 else 1
    if s < 1 or t < 1 or (rows > 1 and s * row != down) or (columns > 1 and t * column != right):
        return None
    height, width = s * (rows - 1) + kh, t * (columns - 1) + kw
    if height > 1 < width and row < width * column and column < height * row:
        return None  # elements of such an image would be the same memory
    return (*lead, height, width), (*steps, row, column), (s, t)


def _stacked(image):
    """An image with two axes in front of its own."""
    lead = image.shape[:-2]
    lead = (math.prod(lead[:-1]), *(lead[-1:] or (1,)))
    return np.reshape(image, (*lead, *image.shape[-2:]))


def product_of_windows(a, b, axes=2):
    """`numpy.tensordot` of an image's windows and weights; None if it is of something else.

    The axes that are summed are channels and those of the windows.
    """
    if not (_is_float(a) and _is_float(b) and a.ndim > 4 == b.ndim and type(axes) is tuple):
        return None
    left, right = axes if len(axes) == 2 else (None, None)
    if right != (1, 2, 3) or left not in ((-5, -2, -1), (a.ndim - 5, a.ndim - 2, a.ndim - 1)):
        return None
    found = image_of(a) if a.shape[-5:-4] + a.shape[-2:] == b.shape[1:] else None
    if found is None:
        return None
    image, stride = found
    v = np.moveaxis(_conv2d(_stacked(image), b, stride=stride), 1, -1)
    return v if a.ndim == 6 else np.reshape(v, (*a.shape[:-5], *v.shape[1:]))


def max_of_windows(a, axis=None, *args, **kwargs):
    """`numpy.max` of each of an image's windows; None if it is of something else."""
    if args or kwargs or not _is_float(a) or a.ndim < 4:
        return None
    found = image_of(a) if axis in ((-2, -1), (a.ndim - 2, a.ndim - 1)) else None
    if found is None:
        return None
    image, stride = found
    v = _max_pool(_stacked(image), window=a.shape[-2:], stride=stride)
    return v if a.ndim == 6 else np.reshape(v, a.shape[:-2])


def _is_float(x):
    """Whether it is an array that has a derivative."""
    return type(x) in (Array, np.ndarray) and x.dtype.char in "fd"


# What takes less time than NumPy's own functions for plain arrays, too.
OF_WINDOWS = {
    np.max: max_of_windows, np.amax: max_of_windows, np.tensordot: product_of_windows,
}  # fmt: skip


@answers(np.max, np.amax, samples=EXTREMUM_SAMPLES)
def max(a, axis=None, *args, **kwargs):
    found = max_of_windows(a, axis, *args, **kwargs)
    return largest(a, axis, *args, **kwargs) if found is None else found
