"""Modules: arrays by name, and a function that uses them."""

import numpy as np

from tapead.nn._files import check_names, load_arrays, save_arrays
from tapead.nn._parameter import Parameter
from tapead.nn._replay import NotReplayableError, current
from tapead.nn._results import Recording, in_use, is_traced, recording_of, using


class Module:
    """Function with parameters: the base of all layers and nets.

    A subclass sets `Parameter` objects and other modules as attributes, arrays that are kept but
    not trained with `register_buffer`, and defines ``forward``. There ``self.weight`` is the array
    in use, plain or traced; elsewhere it is the `Parameter`.

    A call in training mode (as new modules are) returns a `Result`, whose ``backward()`` finds
    gradients; after ``eval()`` it returns plain arrays. Of a traced array of `tapead`, as within
    `grad`, the derivative is that with respect to the argument. Plain arguments of float32 and
    float64 take the dtype of the parameters.

    See Also
    --------
    Sequential : Modules one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import nn
    >>> class Scaled(nn.Module):
    ...     def __init__(self):
    ...         self.factor = nn.Parameter(2.0)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> net = Scaled()
    >>> loss = np.sum(net(np.ones(3)))
    >>> loss.backward()
    >>> loss.item(), net.factor.grad
    (6.0, array(3.))
    >>> tapead.grad(lambda params: np.sum(net.apply(params, np.ones(3))))(net.arrays())
    {'factor': array(3.)}
    """

    training = True

    def __setattr__(self, name, value):
        if current() is not None:
            raise NotReplayableError(
                f"forward sets the attribute {name!r} of {type(self).__name__}"
            )
        kinds = {Parameter: self._parameters, Module: self._modules}
        if name in self._buffers and not isinstance(value, (Parameter, Module)):
            self._buffers[name] = value
            return
        for store in (*kinds.values(), self._buffers):
            store.pop(name, None)
        for kind, store in kinds.items():
            if isinstance(value, kind):
                self.__dict__.pop(name, None)
                store[name] = value
                return
        super().__setattr__(name, value)

    def __getattr__(self, name):
        stores = self.__dict__
        if name in ("_parameters", "_modules", "_buffers"):  # a subclass need not call __init__
            return stores.setdefault(name, {})
        if name in stores.get("_parameters", ()):
            parameter, values = stores["_parameters"][name], in_use()
            return parameter if values is None else values.get(parameter, parameter.value)
        if name in stores.get("_modules", ()):
            return stores["_modules"][name]
        if name in stores.get("_buffers", ()):
            value, outside = stores["_buffers"][name], current()
            return value if outside is None else outside.buffer(self, name, value)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self):
        return [*super().__dir__(), *self._parameters, *self._modules, *self._buffers]

    def register_buffer(self, name, value):
        """Keep an array that is saved with the parameters and not trained.

        Parameters
        ----------
        name : str
            The attribute that it becomes.
        value : ndarray
            Of any dtype.

        See Also
        --------
        state_dict : Has the buffers too.
        """
        self.__dict__.pop(name, None)
        self._buffers[name] = value

    # -- calls -----------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        """Value of ``forward``, as a `Result` where this module is in training."""
        return self.run(self.forward, args, kwargs)

    def run(self, function, args=(), kwargs=None):
        """Call a function in which the parameters stand for arrays.

        Parameters
        ----------
        function : callable
            Reads parameters of this module as attributes, as ``forward`` does.
        args : tuple, optional
            Arguments.
        kwargs : dict, optional
            Named ones.

        Returns
        -------
        Result or ndarray or float
            A `Result` in training and of results, and otherwise what `function` returns.

        See Also
        --------
        apply : With parameters of your own.
        """
        kwargs = kwargs or {}
        if in_use() is not None:
            return function(*args, **kwargs)
        parameters = list(self.parameters())
        recording = recording_of((args, kwargs))
        if parameters:
            args = _as_dtype(args, parameters[0].dtype)
        if recording is None and self.training and parameters and not any(map(is_traced, args)):
            recording = Recording.current()
        if recording is not None:
            return recording.run(function, args, kwargs, parameters)
        with using({}):
            return function(*args, **kwargs)

    def apply(self, params, *args, **kwargs):
        """Call with other arrays in the place of the parameters: a pure function of `params`.

        Parameters
        ----------
        params : dict of str to array
            One array per name of `arrays`, in the same shapes; plain or traced.
        *args, **kwargs
            Arguments of ``forward``.

        Returns
        -------
        Array or ndarray
            What ``forward`` returns.

        Raises
        ------
        KeyError
            If a name is missing, or unknown.
        ValueError
            If an array has another shape than the parameter.

        See Also
        --------
        arrays : Where `params` come from.

        Examples
        --------
        >>> import numpy as np
        >>> import tapead
        >>> from tapead import nn
        >>> net = nn.Linear(2, 1, dtype=np.float64, init=lambda shape, rng, dtype: np.ones(shape))
        >>> def loss(params, x, y):
        ...     return nn.mse_loss(net.apply(params, x), y)
        >>> value, gradient = tapead.value_and_grad(loss)(net.arrays(), np.eye(2), np.zeros((2, 1)))
        >>> value, gradient["bias"]
        (1.0, array([2.]))
        """
        values = {}
        for name, parameter in self.named_parameters():
            values[parameter] = value = _named(params, name)
            if np.shape(value) != parameter.shape:
                raise ValueError(
                    f"params[{name!r}] needs shape {parameter.shape}; got {np.shape(value)}"
                )
        if len(params) != len(values):
            unknown = sorted(set(params) - {name for name, _ in self.named_parameters()})
            raise KeyError(f"this net has no parameters {', '.join(unknown)}")
        if values:
            args = _as_dtype(args, getattr(value, "dtype", np.dtype(float)))
        with using(values):
            return self.forward(*args, **kwargs)

    def forward(self, *args, **kwargs):
        """Compute; what a subclass defines.

        Parameters
        ----------
        *args, **kwargs
            What the module is called with.

        Raises
        ------
        NotImplementedError
            By `Module` itself.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    # -- arrays by name --------------------------------------------------------------------------

    def named_modules(self, prefix=""):
        """Go through this module and those within, each with its name.

        Parameters
        ----------
        prefix : str, default ""
            Put before each name.

        Yields
        ------
        tuple of str and Module
            Name and module; the name of this module is `prefix` itself.
        """
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, store):
        for prefix, module in self.named_modules():
            for name, value in getattr(module, store).items():
                yield (f"{prefix}.{name}" if prefix else name), value

    def named_parameters(self):
        """Go through all parameters, each once.

        Yields
        ------
        tuple of str and Parameter
            Names lead through the modules: ``"0.weight"``.
        """
        seen = set()
        for name, parameter in self._named("_parameters"):
            if parameter not in seen:
                seen.add(parameter)
                yield name, parameter

    def parameters(self):
        """Go through all parameters, each once.

        Returns
        -------
        iterator of Parameter
            In the order of `named_parameters`.
        """
        return (parameter for _, parameter in self.named_parameters())

    def arrays(self):
        """Return the arrays of the parameters by name: what `apply` takes.

        Returns
        -------
        dict of str to ndarray
            The very arrays, which training changes; not copies.
        """
        return {name: parameter.value for name, parameter in self.named_parameters()}

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode=True):
        """Switch between training and evaluation, here and in all modules within.

        Parameters
        ----------
        mode : bool, default True
            Whether to train.

        Returns
        -------
        Module
            This one.
        """
        for _, module in self.named_modules():
            module.__dict__["training"] = bool(mode)
        return self

    def eval(self):
        """Switch to evaluation: plain results, no dropout, statistics as they were learned.

        Returns
        -------
        Module
            This one.
        """
        return self.train(False)

    def state_dict(self):
        """Return copies of all arrays by name: parameters and buffers.

        Returns
        -------
        dict of str to ndarray
            What `load_state_dict` takes.
        """
        parameters = {name: p.value.copy() for name, p in self._named("_parameters")}
        return parameters | {name: np.array(x) for name, x in self._named("_buffers")}

    def load_state_dict(self, state):
        """Take over arrays by name, in place.

        Parameters
        ----------
        state : dict of str to array_like
            As `state_dict` gives it.

        Raises
        ------
        ValueError
            If names or shapes are not those of this net; nothing is changed then.
        """
        here = self.state_dict()
        check_names("the state of this net", state, here)
        for name, x in here.items():
            if np.shape(state[name]) != x.shape:
                raise ValueError(f"{name} needs shape {x.shape}; got {np.shape(state[name])}")
        for name, parameter in self._named("_parameters"):
            parameter.value[...] = state[name]
        for prefix, module in self.named_modules():
            for name, x in module._buffers.items():
                given = state[f"{prefix}.{name}" if prefix else name]
                module._buffers[name] = np.array(given, dtype=np.asarray(x).dtype)

    def save(self, path):
        """Write all arrays to a file of NumPy's .npz format, without pickle.

        Parameters
        ----------
        path : path
            The name is taken as it is.

        See Also
        --------
        load : Reads it again.
        """
        save_arrays(path, self.state_dict())

    def load(self, path):
        """Read all arrays from a file that `save` has written.

        Parameters
        ----------
        path : path

        Returns
        -------
        Module
            This one.

        Raises
        ------
        ValueError
            If the file is not of that format, or of another net.
        """
        self.load_state_dict(load_arrays(path))
        return self

    def __repr__(self):
        inner = [f"({name}): {module!r}" for name, module in self._modules.items()]
        if not inner:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = "\n".join(inner).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {lines}\n)"

    def extra_repr(self):
        """Return what stands between the parentheses of `repr`.

        Returns
        -------
        str
            Nothing, unless a subclass says more.
        """
        return ""


def _as_dtype(args, dtype):
    """Plain arrays of floats with the precision of the parameters."""
    return tuple(
        x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype != dtype
        else x
        for x in args
    )  # fmt: skip


def _named(params, name):
    if name not in params:
        raise KeyError(f"params lack {name!r}; net.arrays() has an array for each parameter")
    return params[name]
