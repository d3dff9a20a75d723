"""Initialisers: the numbers that layers start from.

The spread of the weights keeps the variance of what passes through a layer: forwards and backwards
on average for odd activations [1]_, forwards for those that are zero on one side [2]_. Layers start
smaller unless told otherwise, as PyTorch's do: shallow nets then predict better from few rows.

.. [1] X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
   networks, AISTATS 2010.
.. [2] K. He, X. Zhang, S. Ren and J. Sun, Delving deep into rectifiers, ICCV 2015.
"""

import math

import numpy as np


def fans(shape):
    """Inputs and outputs of one unit: (outputs, inputs, *kernel) is the order of a shape."""
    if len(shape) < 2:
        raise ValueError(
            f"an initialiser needs the shape of weights, (outputs, inputs, *kernel); got {shape}"
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _uniform(shape, variance, rng, dtype):
    bound = math.sqrt(3.0 * variance)
    return np.random.default_rng(rng).uniform(-bound, bound, shape).astype(dtype)


def _normal(shape, variance, rng, dtype):
    return (math.sqrt(variance) * np.random.default_rng(rng).standard_normal(shape)).astype(dtype)


def glorot_uniform(shape, rng=None, dtype=np.float32):
    """Weights from -b to b with b = sqrt(6 / (inputs + outputs)).

    Parameters
    ----------
    shape : tuple of int
        Outputs, inputs, and the kernel of a convolution.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the weights.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If `shape` has less than two axes.

    Examples
    --------
    >>> from tapead import nn
    >>> weights = nn.glorot_uniform((3, 2), rng=0)
    >>> weights.shape, bool(abs(weights).max() <= (6 / 5) ** 0.5)
    ((3, 2), True)
    """
    return _uniform(shape, 2.0 / sum(fans(shape)), rng, dtype)


def glorot_normal(shape, rng=None, dtype=np.float32):
    """Normal weights of variance 2 / (inputs + outputs).

    Parameters
    ----------
    shape : tuple of int
        Outputs, inputs, and the kernel of a convolution.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the weights.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from tapead import nn
    >>> round(float(nn.glorot_normal((300, 500), rng=0).std()), 2)
    0.05
    """
    return _normal(shape, 2.0 / sum(fans(shape)), rng, dtype)


def he_uniform(shape, rng=None, dtype=np.float32):
    """Weights from -b to b with b = sqrt(6 / inputs): for ReLU and its like.

    Parameters
    ----------
    shape : tuple of int
        Outputs, inputs, and the kernel of a convolution.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the weights.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from tapead import nn
    >>> bool(abs(nn.he_uniform((3, 6), rng=0)).max() <= 1.0)
    True
    """
    return _uniform(shape, 2.0 / fans(shape)[0], rng, dtype)


def he_normal(shape, rng=None, dtype=np.float32):
    """Normal weights of variance 2 / inputs: for ReLU and its like.

    Parameters
    ----------
    shape : tuple of int
        Outputs, inputs, and the kernel of a convolution.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the weights.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from tapead import nn
    >>> round(float(nn.he_normal((500, 200), rng=0).std()), 2)
    0.1
    """
    return _normal(shape, 2.0 / fans(shape)[0], rng, dtype)


def fan_in_uniform(shape, rng=None, dtype=np.float32):
    """Weights from -b to b with b = 1 / sqrt(inputs): PyTorch's default.

    Parameters
    ----------
    shape : tuple of int
        Outputs, inputs, and the kernel of a convolution.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the weights.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from tapead import nn
    >>> bool(abs(nn.fan_in_uniform((3, 25), rng=0)).max() <= 0.2)
    True
    """
    return _uniform(shape, 1.0 / (3.0 * fans(shape)[0]), rng, dtype)


INITIALISERS = {
    "fan_in_uniform": fan_in_uniform,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
}


def initialised(init, shape, rng, dtype):
    """Weights and biases by the name of an initialiser, or by a function like those above."""
    function = INITIALISERS.get(init, init) if isinstance(init, str) else init
    if not callable(function):
        raise ValueError(
            f"init is one of {', '.join(INITIALISERS)}, or a function of shape, rng and dtype; "
            f"got {init!r}"
        )
    rng = np.random.default_rng(rng)
    weights = np.asarray(function(shape, rng, dtype))
    if weights.shape != tuple(shape):
        raise ValueError(f"init has to return shape {shape}; got {weights.shape}")
    if function is not fan_in_uniform:
        return weights, np.zeros(shape[0], dtype)
    return weights, _uniform(shape[:1], 1.0 / (3.0 * fans(shape)[0]), rng, dtype)


def checked_dtype(dtype):
    """float32 or float64."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype is float32 or float64; got {dtype}")
    return dtype
