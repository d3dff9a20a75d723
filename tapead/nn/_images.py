"""Layers for images: convolutions and pools over (rows, channels, height, width).

A convolution is a sum of products over the windows of the image, which are a view: no columns are
laid out where there is a derivative, and none of windows' adjoints.
"""

import numpy as np

import tapead
from tapead.nn._initialisers import checked_dtype, initialised
from tapead.nn._module import Module
from tapead.nn._parameter import Parameter


def _pair(name, value, least):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(f"{name} is one integer or two, not below {least}; got {value!r}")
    return pair


def _windows(x, kernel, stride, padding, fill=0.0):
    """Windows of an image, of shape (rows, channels, height, width, *kernel): a view."""
    if any(padding):
        (p, q), none = padding, (0, 0)
        x = np.pad(x, (none, none, (p, p), (q, q)), constant_values=fill)
    if any(n < k for n, k in zip(x.shape[2:], kernel, strict=True)):
        raise ValueError(f"images of {x.shape[2]} x {x.shape[3]} are smaller than the window")
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]


class Conv2d(Module):
    """Convolution of images with a kernel, as neural networks mean it: without mirroring.

    Parameters
    ----------
    in_channels : int
        Channels of `x`, which has the shape (rows, channels, height, width).
    out_channels : int
        Channels of the result.
    kernel_size : int or tuple of int
        Height and width of the kernel.
    stride : int or tuple of int, default 1
        Step from window to window.
    padding : int or tuple of int, default 0
        Zeros around the image.
    bias : bool, default True
        Whether there is a bias.
    init : str or callable, default "fan_in_uniform"
        Initialiser of the weights, as for `Linear`.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Of shape (out_channels, in_channels, height, width).
    bias : Parameter or None
        Of shape (out_channels,).

    Raises
    ------
    ValueError
        When called: for another number of axes or channels, or images smaller than the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> layer = nn.Conv2d(1, 4, kernel_size=3, padding=1, rng=0).eval()
    >>> layer(np.ones((2, 1, 8, 8))).shape
    (2, 4, 8, 8)
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True,
        init="fan_in_uniform", rng=None, dtype=np.float32,
    ):  # fmt: skip
        dtype = checked_dtype(dtype)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _pair("kernel_size", kernel_size, 1)
        self.stride = _pair("stride", stride, 1)
        self.padding = _pair("padding", padding, 0)
        shape = (out_channels, in_channels, *self.kernel_size)
        weight, start = initialised(init, shape, rng, dtype)
        self.weight = Parameter(weight, dtype)
        self.bias = Parameter(start, dtype) if bias else None

    def forward(self, x):
        """Return the convolution, of shape (rows, out_channels, height, width)."""
        if len(x.shape) != 4 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"{self!r} needs shape (rows, {self.in_channels}, height, width); got {x.shape}"
            )
        windows = _windows(x, self.kernel_size, self.stride, self.padding)
        y = tapead.numpy.tensordot(windows, self.weight, ((1, 4, 5), (1, 2, 3)))
        y = np.moveaxis(y, -1, 1)
        return y if self.bias is None else y + self.bias.reshape(-1, 1, 1)

    def extra_repr(self):
        """Return channels, and what windows there are."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}"
        )


class _Pool2d(Module):
    """A number from each window."""

    FILL = 0.0

    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = _pair("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _pair("stride", stride, 1)
        self.padding = _pair("padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"padding is at most half the kernel {self.kernel_size}; got {self.padding}"
            )

    def forward(self, x):
        """Return one number per window, of shape (rows, channels, height, width)."""
        if len(x.shape) != 4:
            raise ValueError(f"{self!r} needs shape (rows, channels, height, width); got {x.shape}")
        return self.pooled(_windows(x, self.kernel_size, self.stride, self.padding, self.FILL))

    def extra_repr(self):
        """Return what windows there are."""
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """Maximum of each window; at ties the derivative is shared evenly.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Height and width of a window.
    stride : int or tuple of int, optional
        Step from window to window; by default `kernel_size`.
    padding : int or tuple of int, default 0
        Of minus infinity around the image.

    Raises
    ------
    ValueError
        If `padding` is more than half the window. When called: for another shape than (rows,
        channels, height, width), or images smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    FILL = -np.inf

    def pooled(self, windows):
        """Return the largest element of each window."""
        return tapead.numpy.max(windows, axis=(-2, -1))


class AvgPool2d(_Pool2d):
    """Mean of each window.

    Parameters
    ----------
    kernel_size : int or tuple of int
        Height and width of a window.
    stride : int or tuple of int, optional
        Step from window to window; by default `kernel_size`.
    padding : int or tuple of int, default 0
        Zeros around the image, which count in the mean.

    Raises
    ------
    ValueError
        If `padding` is more than half the window. When called: for another shape than (rows,
        channels, height, width), or images smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    def pooled(self, windows):
        """Return the mean of each window."""
        ones = np.ones((1, 1, *self.kernel_size), windows.dtype)
        total = tapead.numpy.tensordot(windows[:, :, None], ones, ((2, 5, 6), (1, 2, 3)))
        return total[..., 0] / ones.size
