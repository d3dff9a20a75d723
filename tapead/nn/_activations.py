"""Activations: functions of each element, and softmax; as functions and as modules.

Those that `tapead` and NumPy have (relu, sigmoid, softplus, softmax, tanh) are taken from there.
"""

import numpy as np

import tapead
from tapead.nn._module import Module
from tapead.nn._results import takes_results


@takes_results
def leaky_relu(x, negative_slope=0.01):
    """``x`` above 0, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    x : array or Result
        Of any shape.
    negative_slope : float, default 0.01
        Also the derivative at 0.

    Returns
    -------
    array or Result
        Of the shape and dtype of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return np.where(x > 0.0, x, negative_slope * x)


@takes_results
def elu(x, alpha=1.0):
    """``x`` above 0, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    x : array or Result
        Of any shape.
    alpha : float, default 1.0
        What is approached for negative `x`, with the sign changed.

    Returns
    -------
    array or Result
        Of the shape and dtype of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    below = np.where(x > 0.0, 0.0, x)  # nothing overflows where it is not taken
    return np.where(x > 0.0, x, alpha * np.expm1(below))


@takes_results
def gelu(x, approximate="none"):
    """``x`` times the probability that a standard normal number is below it.

    Parameters
    ----------
    x : array or Result
        Of any shape.
    approximate : {"none", "tanh"}, default "none"
        Exact, or by tanh.

    Returns
    -------
    array or Result
        Of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If `approximate` is unknown.

    References
    ----------
    .. [1] D. Hendrycks and K. Gimpel, Gaussian error linear units, arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.gelu(np.array([-1.0, 2.0])).round(4)
    array([-0.1587,  1.9545])
    """
    if approximate == "none":
        return x * tapead.ndtr(x)
    if approximate != "tanh":
        raise ValueError(f'approximate is "none" or "tanh"; got {approximate!r}')
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))  # sqrt(2 / pi)


@takes_results
def silu(x):
    """``x * sigmoid(x)``.

    Parameters
    ----------
    x : array or Result
        Of any shape.

    Returns
    -------
    array or Result
        Of the shape and dtype of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.silu(np.array([-1.0, 2.0])).round(4)
    array([-0.2689,  1.7616])
    """
    return x * tapead.sigmoid(x)


class ReLU(Module):
    """``max(x, 0)``, with derivative 0 at 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x):
        """Return the larger of `x` and 0."""
        return tapead.relu(x)


class Sigmoid(Module):
    """``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Sigmoid()(np.array([0.0, 2.0])).round(4)
    array([0.5   , 0.8808])
    """

    def forward(self, x):
        """Return the logistic function of `x`."""
        return tapead.sigmoid(x)


class Tanh(Module):
    """``tanh(x)``.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Tanh()(np.array([0.0, 2.0])).round(4)
    array([0.   , 0.964])
    """

    def forward(self, x):
        """Return the hyperbolic tangent of `x`."""
        return np.tanh(x)


class Softplus(Module):
    """``log(1 + exp(x))``.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Softplus()(np.array([0.0, 1000.0])).round(4)
    array([6.931e-01, 1.000e+03])
    """

    def forward(self, x):
        """Return the softened ReLU of `x`."""
        return tapead.softplus(x)


class LeakyReLU(Module):
    """`leaky_relu` as a module.

    Parameters
    ----------
    negative_slope : float, default 0.01
        Below 0, and the derivative at 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.LeakyReLU(0.5)(np.array([-1.0, 2.0]))
    array([-0.5,  2. ])
    """

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        """Return `leaky_relu` of `x`."""
        return leaky_relu(x, self.negative_slope)


class ELU(Module):
    """`elu` as a module.

    Parameters
    ----------
    alpha : float, default 1.0
        What is approached for negative `x`, with the sign changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.ELU()(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, x):
        """Return `elu` of `x`."""
        return elu(x, self.alpha)


class GELU(Module):
    """`gelu` as a module.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        Exact, or by tanh.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.GELU()(np.array([-1.0, 2.0])).round(4)
    array([-0.1587,  1.9545])
    """

    def __init__(self, approximate="none"):
        self.approximate = approximate

    def forward(self, x):
        """Return `gelu` of `x`."""
        return gelu(x, self.approximate)


class SiLU(Module):
    """`silu` as a module.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.SiLU()(np.array([-1.0, 2.0])).round(4)
    array([-0.2689,  1.7616])
    """

    def forward(self, x):
        """Return `silu` of `x`."""
        return silu(x)


class Softmax(Module):
    """Positive numbers of sum 1 along an axis.

    Losses on probabilities lose digits: give `cross_entropy` the logits instead.

    Parameters
    ----------
    axis : int, default -1
        Along which the numbers add up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.Softmax()(np.array([[0.0, np.log(3.0)]])).round(4)
    array([[0.25, 0.75]])
    """

    def __init__(self, axis=-1):
        self.axis = axis

    def forward(self, x):
        """Return the softmax of `x`."""
        return tapead.softmax(x, axis=self.axis)


class Identity(Module):
    """`x` as it is.

    Examples
    --------
    >>> from tapead import nn
    >>> nn.Identity()(3.0)
    3.0
    """

    def forward(self, x):
        """Return `x`."""
        return x


ACTIVATIONS = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "identity": Identity,
}


def activation_of(choice):
    """A module by its name in the table, by its class, or by a function without arguments."""
    if isinstance(choice, str) and choice not in ACTIVATIONS:
        raise ValueError(
            f"activation is one of {', '.join(ACTIVATIONS)}, or makes a module; got {choice!r}"
        )
    made = (ACTIVATIONS[choice] if isinstance(choice, str) else choice)()
    if not isinstance(made, Module):
        raise TypeError(f"activation has to make a Module; got a {type(made).__name__}")
    return made
