"""Layers: linear maps, and modules made of modules."""

import itertools
import math

import numpy as np

from tapead.nn._activations import Identity, activation_of
from tapead.nn._initialisers import checked_dtype, initialised
from tapead.nn._module import Module
from tapead.nn._parameter import Parameter
from tapead.nn._replay import current


class Linear(Module):
    """Linear map with bias: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features : int
        Length of the last axis of `x`.
    out_features : int
        Length of the last axis of the result.
    bias : bool, default True
        Whether there is a bias.
    init : str or callable, default "fan_in_uniform"
        Initialiser of the weights: its name, or a function of shape, rng and dtype. Biases start
        from 0, but for the default, which draws them as PyTorch does.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the parameters.

    Attributes
    ----------
    weight : Parameter
        Of shape (out_features, in_features), as PyTorch has it.
    bias : Parameter or None
        Of shape (out_features,).

    Raises
    ------
    ValueError
        When called: if the last axis of `x` has another length.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> layer = nn.Linear(3, 2, rng=0).eval()
    >>> layer(np.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self, in_features, out_features, bias=True, init="fan_in_uniform", rng=None,
        dtype=np.float32,
    ):  # fmt: skip
        dtype = checked_dtype(dtype)
        self.in_features, self.out_features = in_features, out_features
        weight, start = initialised(init, (out_features, in_features), rng, dtype)
        self.weight = Parameter(weight, dtype)
        self.bias = Parameter(start, dtype) if bias else None

    def forward(self, x):
        """Return ``x @ weight.T + bias``."""
        x = x if hasattr(x, "shape") else np.asarray(x, dtype=self.weight.dtype)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ValueError(
                f"{self!r} needs arrays whose last axis has length {self.in_features}; got shape "
                f"{x.shape}"
            )
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self):
        """Return the two lengths."""
        return f"{self.in_features}, {self.out_features}"


class Sequential(Module):
    """Modules one after the other.

    Parameters
    ----------
    *modules : Module
        Each gets what the one before returns.

    Raises
    ------
    TypeError
        If one is no module.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    >>> list(net.arrays())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    >>> net.eval()(np.ones((5, 2))).shape, len(net), net[1]
    ((5, 1), 3, Tanh())
    """

    def __init__(self, *modules):
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules; got a {type(module).__name__}")
            self._modules[str(i)] = module

    def forward(self, x):
        """Return what the last module makes of what those before it made of `x`."""
        for module in self._modules.values():
            x = module(x)
        return x

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, i):
        modules = list(self)
        return Sequential(*modules[i]) if isinstance(i, slice) else modules[i]


class MLP(Sequential):
    """Multilayer perceptron: linear layers with an activation between each two.

    Parameters
    ----------
    sizes : sequence of int
        Number of inputs, of units in each hidden layer, and of outputs.
    activation : str or callable, default "relu"
        Name of an activation, or what makes the module, as a class does.
    dropout : float, default 0.0
        Probability of `Dropout` after each activation.
    init : str or callable, default "fan_in_uniform"
        Initialiser of the weights, as for `Linear`.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.
    dtype : {float32, float64}, default float32
        Of the parameters.

    Raises
    ------
    ValueError
        If there are less than two sizes, or one is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> net = nn.MLP((784, 128, 10), activation="relu", rng=0)
    >>> net(np.zeros((32, 784), np.float32)).shape
    (32, 10)
    >>> net
    MLP(
      (0): Linear(784, 128)
      (1): ReLU()
      (2): Linear(128, 10)
    )
    """

    def __init__(
        self,
        sizes,
        activation="relu",
        dropout=0.0,
        init="fan_in_uniform",
        rng=None,
        dtype=np.float32,
    ):
        sizes = tuple(sizes)
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"an MLP needs two or more sizes, none below 1; got {sizes}")
        rng = np.random.default_rng(rng)
        keywords = {"init": init, "rng": rng, "dtype": dtype}
        modules = []
        for n_in, n_out in itertools.pairwise(sizes[:-1]):
            modules += [Linear(n_in, n_out, **keywords), activation_of(activation)]
            modules += [Dropout(dropout, rng)] if dropout else []
        super().__init__(*modules, Linear(*sizes[-2:], **keywords))


class Dropout(Module):
    """Sets elements to zero at random in training, and scales the others so that means stay.

    Parameters
    ----------
    p : float, default 0.5
        Probability with which an element is dropped.
    rng : int or numpy.random.Generator, optional
        Seed, or where random numbers come from.

    Attributes
    ----------
    rng : numpy.random.Generator
        The layer's own, made anew from the one given: `fit` keeps its state in checkpoints.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1, without 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> layer = nn.Dropout(0.5, rng=0)
    >>> layer(np.ones(8))
    array([2., 0., 2., 2., 0., 0., 0., 2.])
    >>> layer.eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p=0.5, rng=None):
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p is a probability below 1; got {p}")
        self.p = p
        # by a number drawn: layers that share the generator of their net do not share a stream
        self.rng = np.random.default_rng(np.random.default_rng(rng).integers(2**63))

    def forward(self, x):
        """Return `x` with elements dropped, or as it is in evaluation."""
        if not self.training or not (self.p or current()):
            return x
        x = x if hasattr(x, "dtype") else np.asarray(x, dtype=float)
        if current() is not None:
            return x * current().mask(self, x.shape, x.dtype)
        return x * self.mask(x.shape, x.dtype)

    def mask(self, shape, dtype):
        """Draw factors: 0 where an element is dropped, and what the others are scaled by.

        Parameters
        ----------
        shape : tuple of int
            Of the mask.
        dtype : dtype
            Of the mask.

        Returns
        -------
        ndarray
        """
        if not self.p:
            return np.ones(shape, dtype)
        kept = self.rng.random(shape, dtype=np.float32) >= self.p
        return (kept * (1.0 / (1.0 - self.p))).astype(dtype)

    def extra_repr(self):
        """Return the probability."""
        return f"{self.p}"


class Flatten(Module):
    """One vector per row: all axes but the first become one.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Flatten()(np.zeros((5, 2, 4, 4))).shape
    (5, 32)
    """

    def forward(self, x):
        """Return `x` in the shape (rows, all else)."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Residual(Module):
    """Adds what a module makes of `x` to `x`, so that gradients have a way around it.

    Parameters
    ----------
    module : Module
        Returns an array of the shape of its argument, or of that of the shortcut.
    shortcut : Module, optional
        Takes the place of `x` in the sum, where shapes change.

    Raises
    ------
    ValueError
        When called: if the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Residual(nn.ReLU())(np.array([-1.0, 2.0]))
    array([-1.,  4.])
    """

    def __init__(self, module, shortcut=None):
        self.module, self.shortcut = module, Identity() if shortcut is None else shortcut

    def forward(self, x):
        """Return the sum."""
        changed, kept = self.module(x), self.shortcut(x)
        if changed.shape != kept.shape:
            raise ValueError(
                f"Residual adds arrays of one shape; got {kept.shape} and {changed.shape} from "
                f"{type(self.module).__name__}: give a shortcut, such as a Linear"
            )
        return kept + changed
