"""Layers for images: convolutions and pools over (rows, channels, height, width).

A convolution is a matrix product with the windows of the image, side by side in columns; they are
made of as many shifted views as the kernel has elements, which copy nothing on the way back.
"""

import numpy as np

from tapead.nn._initialisers import checked_dtype, initialised
from tapead.nn._module import Module
from tapead.nn._parameter import Parameter


def _pair(name, value, least):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(f"{name} is one integer or two, not below {least}; got {value!r}")
    return pair


def _shifted(x, kernel, stride, padding, fill=0.0):
    """One view of the image per element of the kernel, as large as the result."""
    if any(padding):
        (p, q), none = padding, (0, 0)
        x = np.pad(x, (none, none, (p, p), (q, q)), constant_values=fill)
    height, width = (
        (n - k) // s + 1 for n, k, s in zip(x.shape[2:], kernel, stride, strict=True)
    )  # fmt: skip
    if height < 1 or width < 1:
        raise ValueError(f"images of {x.shape[2]} x {x.shape[3]} are smaller than the window")
    (s, t), (kh, kw) = stride, kernel
    return [
        x[:, :, i : i + s * (height - 1) + 1 : s, j : j + t * (width - 1) + 1 : t]
        for i in range(kh)
        for j in range(kw)
    ]


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
        views = _shifted(x, self.kernel_size, self.stride, self.padding)
        n, _, height, width = views[0].shape
        columns = np.stack(views, axis=2).reshape(n, -1, height * width)
        y = self.weight.reshape(self.out_channels, -1) @ columns
        if self.bias is not None:
            y = y + self.bias.reshape(-1, 1)
        return y.reshape(n, self.out_channels, height, width)

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
        return self.pooled(_shifted(x, self.kernel_size, self.stride, self.padding, self.FILL))

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

    def pooled(self, views):
        """Return the largest element of each window."""
        return np.max(np.stack(views), axis=0)


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

    def pooled(self, views):
        """Return the mean of each window."""
        total = views[0]
        for view in views[1:]:
            total = total + view
        return total / len(views)
