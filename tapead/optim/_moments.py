"""Rules of moments: Adam and its kin. Formulas and arguments are PyTorch's."""

import math

import numpy as np

from tapead.optim._optimizer import Optimizer
from tapead.optim._rules import decayed, not_negative


class _Moments(Optimizer):
    """Running means of gradients and of their squares, freed of their start from zero."""

    STATE = ("mean", "square")

    def __init__(self, params, lr, betas, eps, weight_decay):
        not_negative(eps=eps, weight_decay=weight_decay)
        if len(betas) != 2 or not all(0.0 <= beta < 1.0 for beta in betas):
            raise ValueError(f"betas are two numbers from 0 to 1, without 1; got {betas}")
        super().__init__(params, lr)
        self.betas, self.eps, self.weight_decay = tuple(betas), eps, weight_decay

    def prepare(self):
        """Compute by how much the running means are too small."""
        self._scales = tuple(1.0 - beta**self.n_steps for beta in self.betas)

    def _moved(self, gradient, state, spare):
        """Mean over the root of the mean square, in `spare`, of a rate that is yet to come."""
        (beta1, beta2), (scale1, scale2) = self.betas, self._scales
        mean, square = state["mean"], state["square"]
        mean *= beta1
        mean += np.multiply(gradient, 1.0 - beta1, out=spare)
        np.multiply(gradient, gradient, out=spare)
        spare *= 1.0 - beta2
        square *= beta2
        square += spare
        np.sqrt(square, out=spare)
        root = math.sqrt(scale2)  # taken out of the root: one pass less
        spare += self.eps * root
        np.divide(mean, spare, out=spare)
        return spare, root / scale1


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

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, x, gradient, state, spare):
        """Change one array in place."""
        gradient = decayed(x, gradient, self.weight_decay, spare[0])
        step, scale = self._moved(gradient, state, spare[1])
        step *= self.lr * scale
        x -= step


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

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, x, gradient, state, spare):
        """Change one array in place."""
        x *= 1.0 - self.lr * self.weight_decay
        step, scale = self._moved(gradient, state, spare[1])
        step *= self.lr * scale
        x -= step


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

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, x, gradient, state, spare):
        """Change one array in place."""
        step, scale = self._moved(gradient, state, spare[1])
        step *= scale
        if self.weight_decay:
            step += np.multiply(x, self.weight_decay, out=spare[0])
        length, size = np.linalg.norm(x), np.linalg.norm(step)
        step *= self.lr * (float(length / size) if length > 0.0 and size > 0.0 else 1.0)
        x -= step
