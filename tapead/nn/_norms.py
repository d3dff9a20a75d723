"""Normalisation: of each feature over a batch, and of each row over its features."""

import functools

import numpy as np

from tapead.nn._initialisers import checked_dtype
from tapead.nn._module import Module
from tapead.nn._parameter import Parameter
from tapead.nn._replay import current


class _BatchNorm(Module):
    """Over all axes but the second, which is that of the features."""

    N_AXES = ()

    def __init__(self, num_features, eps=1e-5, momentum=0.1, dtype=np.float32):
        dtype = checked_dtype(dtype)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(np.ones(num_features, dtype))
        self.bias = Parameter(np.zeros(num_features, dtype))
        self.register_buffer("running_mean", np.zeros(num_features, dtype))
        self.register_buffer("running_var", np.ones(num_features, dtype))
        self.register_buffer("num_batches_tracked", np.array(0))

    def forward(self, x):
        """Return `x` normalised."""
        if len(x.shape) not in self.N_AXES or x.shape[1] != self.num_features:
            raise ValueError(
                f"{self!r} needs arrays of {' or '.join(map(str, self.N_AXES))} axes, "
                f"{self.num_features} long on the second; got shape {x.shape}"
            )
        axes = (0, *range(2, len(x.shape)))
        shape = (self.num_features,) + (1,) * (len(x.shape) - 2)
        mean, var = self._statistics(x, axes, shape)
        scale = self.weight.reshape(shape) / np.sqrt(var + self.eps)
        return (x - mean) * scale + self.bias.reshape(shape)

    def _statistics(self, x, axes, shape):
        """Mean and variance: of the batch in training, and otherwise as they were learned."""
        if not self.training:
            return self.running_mean.reshape(shape), self.running_var.reshape(shape)
        n = x.size // self.num_features
        if n < 2:
            raise ValueError(
                f"{type(self).__name__} in training needs two or more values of each feature; got "
                f"shape {x.shape}: choose a batch size that leaves no batch of one row"
            )
        mean, var = np.mean(x, axis=axes), np.var(x, axis=axes)
        if current() is not None:
            current().track(functools.partial(self._track, n), mean, var)
        else:
            self._track(n, *(s if isinstance(s, np.ndarray) else s.value for s in (mean, var)))
        return mean.reshape(shape), var.reshape(shape)

    def _track(self, n, mean, var):
        """Take the statistics of a batch, of `n` values per feature, into the running ones."""
        for name, new in (("running_mean", mean), ("running_var", var * (n / (n - 1)))):
            kept = getattr(self, name)
            updated = (1.0 - self.momentum) * kept + self.momentum * new
            setattr(self, name, updated.astype(kept.dtype))
        self.num_batches_tracked = self.num_batches_tracked + 1

    def extra_repr(self):
        """Return the number of features."""
        return f"{self.num_features}"


class BatchNorm1d(_BatchNorm):
    """Normalises each feature to mean 0 and variance 1 over a batch, then scales and shifts it.

    In evaluation by the running mean and variance that training has left.

    Parameters
    ----------
    num_features : int
        Length of the second axis of `x`, which has the shape (rows, features) or (rows, features,
        length).
    eps : float, default 1e-5
        Added to the variance.
    momentum : float, default 0.1
        Share of a batch in the running statistics; the running variance is the unbiased one.
    dtype : {float32, float64}, default float32
        Of parameters and statistics.

    Raises
    ------
    ValueError
        When called: for another shape, or in training for a single value per feature.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, Batch normalization, ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> layer = nn.BatchNorm1d(2, dtype=np.float64)
    >>> layer(np.array([[1.0, 5.0], [3.0, 9.0]])).value.round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer.running_mean
    array([0.2, 0.7])
    """

    N_AXES = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of images to mean 0 and variance 1 over a batch.

    Then scales and shifts it; in evaluation by the running mean and variance.

    Parameters
    ----------
    num_features : int
        Number of channels; `x` has the shape (rows, channels, height, width).
    eps : float, default 1e-5
        Added to the variance.
    momentum : float, default 0.1
        Share of a batch in the running statistics; the running variance is the unbiased one.
    dtype : {float32, float64}, default float32
        Of parameters and statistics.

    Raises
    ------
    ValueError
        When called: for another shape, or in training for a single value per channel.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.BatchNorm2d(3)(np.zeros((4, 3, 5, 5))).shape
    (4, 3, 5, 5)
    """

    N_AXES = (4,)


class LayerNorm(Module):
    """Normalises each row over its last axes, then scales and shifts each element.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Shape of the last axes.
    eps : float, default 1e-5
        Added to the variance.
    dtype : {float32, float64}, default float32
        Of the parameters.

    Raises
    ------
    ValueError
        When called: if the last axes of `x` have another shape.

    References
    ----------
    .. [1] J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization, arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.LayerNorm(2).eval()(np.array([[1.0, 3.0], [5.0, 9.0]])).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(self, normalized_shape, eps=1e-5, dtype=np.float32):
        dtype = checked_dtype(dtype)
        shape = tuple(np.atleast_1d(normalized_shape).tolist())
        self.normalized_shape, self.eps = shape, eps
        self.weight, self.bias = Parameter(np.ones(shape, dtype)), Parameter(np.zeros(shape, dtype))

    def forward(self, x):
        """Return `x` normalised."""
        n = len(self.normalized_shape)
        if tuple(x.shape[-n:]) != self.normalized_shape:
            raise ValueError(
                f"{self!r} needs arrays whose last axes have the shape {self.normalized_shape}; "
                f"got shape {x.shape}"
            )
        axes = tuple(range(-n, 0))
        mean = np.mean(x, axis=axes, keepdims=True)
        var = np.var(x, axis=axes, keepdims=True)
        return (x - mean) / np.sqrt(var + self.eps) * self.weight + self.bias

    def extra_repr(self):
        """Return the shape."""
        return f"{self.normalized_shape}"
