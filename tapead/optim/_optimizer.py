"""Optimisers: what they share, whatever their rule.

An optimiser changes arrays in place. The rules of tapead do so in one pass over all parameters
(_updates.pyx); a rule of one's own is NumPy code, with two spare arrays that all parameters share.
"""

from functools import cached_property

import numpy as np

from tapead import _updates


class Optimizer:
    """What all optimisers are: arrays to change, gradients, a learning rate and a state.

    A subclass names the arrays of its state in `STATE` and defines ``update``.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        ``net.parameters()``; or arrays in a dict, as ``net.arrays()`` gives them, in a list or a
        tuple, whose gradients are then given to `step`. Of float32 or float64.
    lr : float
        Learning rate; may be set at any time.

    Raises
    ------
    TypeError
        If `params` holds anything else.
    ValueError
        If there are no parameters, or `lr` is negative.

    See Also
    --------
    SGD : Gradient descent.
    Adam : Steps that adapt to each element.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> class Signs(optim.Optimizer):
    ...     def update(self, x, gradient, state, spare):
    ...         x -= self.lr * np.sign(gradient)
    >>> x = np.array([1.0, -2.0])
    >>> Signs([x], lr=0.5).step([2.0 * x])
    >>> x
    array([ 0.5, -1.5])
    """

    STATE = ()
    _RULE = None  # one of `_updates.RULES`, in the place of `update`

    def __init__(self, params, lr):
        self.params, self._names = _listed(params)
        if not self.params:
            raise ValueError("an optimizer needs parameters; got none")
        if not lr >= 0.0:
            raise ValueError(f"lr is a number that is not negative; got {lr}")
        self.lr, self.n_steps = float(lr), 0
        self._arrays = [_array(p) for p in self.params]
        self._state = [
            {name: np.zeros_like(x, order="A") for name in self.STATE} for x in self._arrays
        ]
        self._states = [tuple(state.values()) for state in self._state]

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_spare"}

    @cached_property
    def _spare(self):
        """Two arrays of the shape of each parameter, all in the same memory."""
        size, dtypes = max(x.size for x in self._arrays), {x.dtype for x in self._arrays}
        spare = {dtype: (np.empty(size, dtype), np.empty(size, dtype)) for dtype in dtypes}
        return [tuple(s[: x.size].reshape(x.shape) for s in spare[x.dtype]) for x in self._arrays]

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.params:
            if not isinstance(parameter, np.ndarray):
                parameter.grad = None

    def step(self, gradients=None):
        """Change the parameters by one step.

        Parameters
        ----------
        gradients : container of ndarray, optional
            In the structure that `params` had; by default ``grad`` of each `Parameter`. What has
            no gradient stays as it is.

        Raises
        ------
        ValueError
            If `gradients` has another structure or shape than the parameters.
        """
        gradients = self._gradients(gradients)
        self.n_steps += 1
        try:
            self.prepare()
            if self._RULE is not None and type(self).update is Optimizer.update:
                _updates.update(self._RULE, self._numbers(), self._arrays, gradients, self._states)
                return
        except BaseException:
            self.n_steps -= 1
            raise
        for i, (x, gradient) in enumerate(zip(self._arrays, gradients, strict=True)):
            if gradient is not None:
                self.update(x, gradient, self._state[i], self._spare[i])

    def _gradients(self, given):
        if given is None:
            if isinstance(self.params[0], np.ndarray):
                raise ValueError("an optimizer of plain arrays needs gradients: step(gradients)")
            return [parameter.grad for parameter in self.params]
        if self._names is not None:
            if not hasattr(given, "keys") or set(given) != set(self._names):
                raise ValueError(f"gradients have to be a dict of {', '.join(self._names)}")
            given = [given[name] for name in self._names]
        given = list(given.values()) if hasattr(given, "values") else list(given)
        shapes, wanted = [np.shape(g) for g in given], [x.shape for x in self._arrays]
        if shapes != wanted:
            raise ValueError(f"gradients need the shapes of the parameters, {wanted}; got {shapes}")
        return given

    def prepare(self):
        """Compute what a step needs once, before the parameters are gone through."""

    def update(self, x, gradient, state, spare):
        """Change one array in place.

        Parameters
        ----------
        x : ndarray
            The parameter.
        gradient : ndarray
            Of its shape; not to be changed.
        state : dict of str to ndarray
            One array of its shape per name in `STATE`, zeros at first.
        spare : tuple of ndarray
            Two arrays of its shape to compute in, with any content.

        Raises
        ------
        NotImplementedError
            By `Optimizer` itself.
        """
        if self._RULE is None:
            raise NotImplementedError(f"{type(self).__name__} does not define update")
        _updates.update(self._RULE, self._numbers(), [x], [gradient], [tuple(state.values())])

    def state_dict(self):
        """Return copies of all that later steps depend on, by name.

        Returns
        -------
        dict of str to ndarray
            What `load_state_dict` takes, and ``numpy.savez``.
        """
        state = {"lr": np.array(self.lr, float), "n_steps": np.array(self.n_steps)}
        for i, arrays in enumerate(self._state):
            state |= {f"{name}.{i}": x.copy() for name, x in arrays.items()}
        return state

    def load_state_dict(self, state):
        """Take over a state that `state_dict` has returned.

        Parameters
        ----------
        state : dict of str to ndarray
            Of an optimiser of the same kind and parameters.

        Raises
        ------
        ValueError
            If names or shapes are not those of this optimiser.
        """
        here = self.state_dict()
        if set(state) != set(here) or any(np.shape(state[k]) != x.shape for k, x in here.items()):
            raise ValueError(f"this is the state of another optimizer than {type(self).__name__}")
        self.lr, self.n_steps = float(state["lr"]), int(state["n_steps"])
        for i, arrays in enumerate(self._state):
            for name, x in arrays.items():
                x[...] = state[f"{name}.{i}"]

    def __repr__(self):
        return f"{type(self).__name__}({len(self.params)} parameters, lr={self.lr:g})"


def _listed(params):
    """Parameters in a list, and their names if they have any."""
    if isinstance(params, np.ndarray) or not hasattr(params, "__iter__"):
        raise TypeError(
            "an optimizer takes net.parameters(), or a dict or list of arrays; got a "
            f"{type(params).__name__}"
        )
    if hasattr(params, "values"):
        return list(params.values()), list(params)
    return list(params), None


def _array(parameter):
    """The array of a parameter, which is changed in place."""
    x = parameter if isinstance(parameter, np.ndarray) else getattr(parameter, "value", None)
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.float64):
        kind = getattr(x, "dtype", type(parameter).__name__)
        raise TypeError(
            f"an optimizer changes Parameters, or arrays of float32 or float64; got {kind}"
        )
    return x
