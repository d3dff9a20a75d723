"""Rules: how gradients become steps. Formulas and arguments are PyTorch's."""

from tapead.optim._optimizer import Optimizer


def not_negative(**values):
    """Raise if a value is negative or NaN."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"{name} is not negative; got {value}")


class SGD(Optimizer):
    """Gradient descent, with or without momentum.

    Stochastic where the gradient is that of a batch.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-3
        Learning rate.
    momentum : float, default 0.0
        Factor of the steps before, in a sum that takes the place of the gradient.
    dampening : float, default 0.0
        Share of the gradient that does not enter the sum.
    weight_decay : float, default 0.0
        Factor of the parameters in the gradient, biases included.
    nesterov : bool, default False
        Whether to look ahead by the momentum; needs one, and no dampening.

    Raises
    ------
    ValueError
        If an argument is negative, or `nesterov` has no momentum.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, On the importance of initialization and
       momentum in deep learning, ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([1.0])
    >>> optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.step([2.0 * w])
    >>> w.round(6)
    array([0.46])
    """

    _RULE = "sgd"

    def __init__(
        self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
    ):
        not_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (not momentum or dampening):
            raise ValueError("nesterov needs a momentum, and a dampening of 0")
        self.STATE = ("momentum",) if momentum else ()
        super().__init__(params, lr)
        self.momentum, self.dampening = momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov

    def _numbers(self):
        """Return what the rule takes."""
        # the first gradient enters whole: there is nothing to be damped yet
        share = 1.0 - self.dampening if self.n_steps > 1 else 1.0
        return self.lr, self.weight_decay, self.momentum, share, float(self.nesterov)


class RMSprop(Optimizer):
    """Gradients over the root of their mean square.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-2
        Learning rate.
    alpha : float, default 0.99
        Factor of the squares before, in their running mean.
    eps : float, default 1e-8
        Added to the root.
    weight_decay : float, default 0.0
        Factor of the parameters in the gradient, biases included.
    momentum : float, default 0.0
        Factor of the steps before, in a sum that takes the place of the step.

    Raises
    ------
    ValueError
        If an argument is negative.

    References
    ----------
    .. [1] T. Tieleman and G. Hinton, Neural networks for machine learning, lecture 6.5, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([1.0, 1.0])
    >>> optim.RMSprop([w], lr=0.01).step([np.array([5.0, -0.1])])
    >>> w.round(4)
    array([0.9, 1.1])
    """

    _RULE = "rmsprop"

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
        not_negative(alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        self.STATE = ("square", "momentum") if momentum else ("square",)
        super().__init__(params, lr)
        self.alpha, self.eps = alpha, eps
        self.weight_decay, self.momentum = weight_decay, momentum

    def _numbers(self):
        """Return what the rule takes."""
        return self.lr, self.weight_decay, self.alpha, self.eps, self.momentum


class Adagrad(Optimizer):
    """Gradients over the root of the sum of all their squares.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    lr : float, default 1e-2
        Learning rate.
    lr_decay : float, default 0.0
        The rate is over ``1 + lr_decay * (steps before)``.
    weight_decay : float, default 0.0
        Factor of the parameters in the gradient, biases included.
    initial_accumulator_value : float, default 0.0
        Where the sum starts.
    eps : float, default 1e-10
        Added to the root.

    Raises
    ------
    ValueError
        If an argument is negative.

    References
    ----------
    .. [1] J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods, JMLR 12, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> w = np.array([1.0, 1.0])
    >>> optim.Adagrad([w], lr=0.1).step([np.array([5.0, -0.1])])
    >>> w.round(4)
    array([0.9, 1.1])
    """

    STATE, _RULE = ("sum",), "adagrad"

    def __init__(
        self, params, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0,
        eps=1e-10,
    ):  # fmt: skip
        start = initial_accumulator_value
        not_negative(lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        not_negative(initial_accumulator_value=start)
        super().__init__(params, lr)
        self.lr_decay, self.weight_decay, self.eps = lr_decay, weight_decay, eps
        for state in self._state:
            state["sum"][...] = start

    def _numbers(self):
        """Return what the rule takes."""
        rate = self.lr / (1.0 + (self.n_steps - 1) * self.lr_decay)
        return rate, self.weight_decay, self.eps
