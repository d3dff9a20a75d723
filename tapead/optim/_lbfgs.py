"""L-BFGS: quasi-Newton steps on the whole loss, by SciPy."""

import numpy as np

from tapead.optim._optimizer import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS with a line search: few parameters, and no batches.

    SciPy's "L-BFGS-B" runs in each step; it computes in float64 and starts without a memory.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        What is changed; see `Optimizer`.
    max_iter : int, default 20
        Iterations in one step; each evaluates the loss once or more often.
    history_size : int, default 10
        Pairs of steps and changes of the gradient that are remembered.
    tolerance_grad : float, default 1e-7
        Size of the largest element of the gradient at which a step ends.
    tolerance_change : float, default 1e-9
        Relative change of the loss at which a step ends.

    Attributes
    ----------
    message : str
        Why the last step ended, in SciPy's words.

    Raises
    ------
    ValueError
        If `max_iter` or `history_size` is not positive.

    References
    ----------
    .. [1] D. C. Liu and J. Nocedal, On the limited memory BFGS method, Math. Prog. 45, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import optim
    >>> def rosenbrock(x):
    ...     return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    >>> x = np.zeros(5)
    >>> optimizer = optim.LBFGS([x], max_iter=100)
    >>> def closure():
    ...     value, gradient = tapead.value_and_grad(rosenbrock)(x)
    ...     return value, [gradient]
    >>> optimizer.step(closure) < 1e-8
    True
    >>> x.round(3)
    array([1., 1., 1., 1., 1.])
    """

    def __init__(
        self, params, max_iter=20, history_size=10, tolerance_grad=1e-7, tolerance_change=1e-9
    ):
        if max_iter < 1 or history_size < 1:
            raise ValueError(
                f"max_iter and history_size are positive; got {max_iter} and {history_size}"
            )
        super().__init__(params, 1.0)
        self.options = {
            "maxiter": max_iter,
            "maxcor": history_size,
            "gtol": tolerance_grad,
            "ftol": tolerance_change,
        }
        self.message = ""

    def step(self, closure):
        """Minimise from where the parameters are, for `max_iter` iterations at most.

        Parameters
        ----------
        closure : callable
            Without arguments. Either forgets the gradients, calls ``backward()`` of the loss and
            returns the loss, or returns the loss and the gradients in the structure of `params`.

        Returns
        -------
        float
            Loss where the parameters are then.

        Raises
        ------
        TypeError
            If `closure` is not callable.
        """
        from scipy.optimize import minimize

        if not callable(closure):
            raise TypeError("L-BFGS evaluates the loss by itself: step(closure) takes a function")

        def evaluated(vector):
            self._place(vector)
            found = closure()
            loss, gradients = found if isinstance(found, tuple) else (found, None)
            gradients = self._gradients(gradients)
            shaped = zip(gradients, self._arrays, strict=True)
            return float(loss), _joined([np.zeros(x.shape) if g is None else g for g, x in shaped])

        start = _joined(self._arrays)
        found = minimize(evaluated, start, jac=True, method="L-BFGS-B", options=self.options)
        self._place(found.x)
        self.n_steps += 1
        self.message = str(found.message)
        return float(found.fun)

    def _place(self, vector):
        """Write a vector of all elements into the arrays."""
        ends = np.cumsum([x.size for x in self._arrays])[:-1]
        for x, part in zip(self._arrays, np.split(vector, ends), strict=True):
            x[...] = part.reshape(x.shape)


def _joined(arrays):
    return np.concatenate([np.ravel(x) for x in arrays]).astype(float)
