"""Rules of moments: Adam and its kin. Formulas and arguments are PyTorch's."""

import math

from tapead.optim._optimizer import Optimizer
from tapead.optim._rules import not_negative


class _Moments(Optimizer):
    """Running means of gradients and of their squares, freed of their start from zero."""

    STATE = ("mean", "square")

    def __init__(self, params, lr, betas, eps, weight_decay):
        not_negative(eps=eps, weight_decay=weight_decay)
        if len(betas) != 2 or not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"betas are two numbers from 0 to 1, without 1; got {betas}")
        super().__init__(params, lr)
        self.betas, self.eps, self.weight_decay = tuple(betas), eps, weight_decay

    def _scales(self):
        """By how much the running means are too small."""
        return tuple(1.0 - beta**self.n_steps for beta in self.betas)

    def _adam_numbers(self, decay, shrunk):
        """Numbers of Adam's rule; the scale of the squares is taken out of the root."""
        scale1, scale2 = self._scales()
        root = math.sqrt(scale2)
        return self.lr * root / scale1, decay, *self.betas, self.eps * root, shrunk


class Adam(_Moments):
    """Mean of the gradients over the root of the mean of their squares.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-3
        Learning rate.
    betas : tuple of float, default (0.9, 0.999)
        Factors of what was before, in the running means of gradients and squares.
    eps : float, default 1e-8
        Added to the root.
    weight_decay : float, default 0.0
        Factor of the parameters in the gradient, biases included.

    Raises
    ------
    ValueError
        If an argument is negative, or one of `betas` is not below 1.

    See Also
    --------
    AdamW : Decay that is no part of the gradient.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, ICLR 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([1.0, 1.0])
    >>> optim.Adam([w], lr=0.1).step([np.array([5.0, -0.1])])
    >>> w.round(4)
    array([0.9, 1.1])
    """

    _RULE = "adam"

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)

    def _numbers(self):
        """Return what the rule takes."""
        return self._adam_numbers(self.weight_decay, 1.0)


class AdamW(_Moments):
    """Adam, with a decay of the parameters that is no part of the gradient.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-3
        Learning rate.
    betas : tuple of float, default (0.9, 0.999)
        Factors of what was before, in the running means of gradients and squares.
    eps : float, default 1e-8
        Added to the root.
    weight_decay : float, default 1e-2
        Share of the parameters, times `lr`, that each step takes off; biases included.

    Raises
    ------
    ValueError
        If an argument is negative, or one of `betas` is not below 1.

    See Also
    --------
    Adam : Decay in the gradient.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([1.0, 1.0])
    >>> optim.AdamW([w], lr=0.1, weight_decay=0.5).step([np.array([5.0, -0.1])])
    >>> w.round(4)
    array([0.85, 1.05])
    """

    _RULE = "adam"

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def _numbers(self):
        """Return what the rule takes."""
        return self._adam_numbers(0.0, 1.0 - self.lr * self.weight_decay)


class LAMB(_Moments):
    """Adam's steps, each array's as long as a share of the array: for large batches.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-3
        Learning rate: the length of a step over that of the array.
    betas : tuple of float, default (0.9, 0.999)
        Factors of what was before, in the running means of gradients and squares.
    eps : float, default 1e-6
        Added to the root.
    weight_decay : float, default 0.0
        Factor of the parameters in the step, biases included.

    Raises
    ------
    ValueError
        If an argument is negative, or one of `betas` is not below 1.

    Notes
    -----
    Algorithm 2 of the paper, with its phi the identity; the step is not scaled where the array or
    the step is zero.

    References
    ----------
    .. [1] Y. You et al., Large batch optimization for deep learning, ICLR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([3.0, 4.0])
    >>> optim.LAMB([w], lr=0.1).step([np.array([5.0, 0.0])])
    >>> w.round(4)
    array([2.5, 4. ])
    """

    _RULE = "lamb"

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)

    def _numbers(self):
        """Return what the rule takes."""
        scale1, scale2 = self._scales()
        root = math.sqrt(scale2)
        return self.lr, self.weight_decay, *self.betas, self.eps * root, root / scale1
