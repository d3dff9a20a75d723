"""Schedules: learning rates that change from epoch to epoch. Names and formulas are PyTorch's."""

import math


class Schedule:
    """What all schedules are: an optimiser, and its learning rate as a function of the epoch.

    A subclass defines ``rate``.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set: by the constructor for epoch 0, and by each `step`.

    Attributes
    ----------
    base_lr : float
        The rate that the optimiser had before it got a schedule.
    epoch : int
        Number of steps so far.

    See Also
    --------
    SequentialLR : Schedules one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> class Harmonic(optim.Schedule):
    ...     def rate(self, epoch):
    ...         return self.base_lr / (1 + epoch)
    >>> optimizer = optim.SGD([np.ones(1)], lr=1.0)
    >>> schedule = Harmonic(optimizer)
    >>> schedule.step()
    >>> optimizer.lr
    0.5
    """

    def __init__(self, optimizer):
        self.optimizer, self.epoch = optimizer, 0
        # a second schedule of the same optimiser starts from the same rate
        self.base_lr = vars(optimizer).setdefault("initial_lr", optimizer.lr)
        optimizer.lr = self.rate(0)

    def rate(self, epoch):
        """Return the learning rate of an epoch.

        Parameters
        ----------
        epoch : int
            From 0.

        Returns
        -------
        float

        Raises
        ------
        NotImplementedError
            By `Schedule` itself.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define rate")

    def step(self, metric=None):
        """Go on to the next epoch.

        Parameters
        ----------
        metric : float, optional
            What `ReduceLROnPlateau` watches; others do without.
        """
        self.epoch += 1
        self.optimizer.lr = self.rate(self.epoch)

    def state_dict(self):
        """Return all that later steps depend on, by name.

        Returns
        -------
        dict of str to float
            What `load_state_dict` takes.
        """
        return {"epoch": self.epoch, "base_lr": self.base_lr}

    def load_state_dict(self, state):
        """Take over a state that `state_dict` has returned.

        Parameters
        ----------
        state : dict of str to float
            Of a schedule of the same kind.
        """
        for name, value in self.state_dict().items():
            setattr(self, name, type(value)(state[name]))


class StepLR(Schedule):
    """Multiplies the rate by `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    step_size : int
        Epochs from change to change.
    gamma : float, default 0.1
        Factor.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> schedule = optim.StepLR(optim.SGD([np.ones(1)], lr=1.0), step_size=2, gamma=0.5)
    >>> [schedule.rate(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer, step_size, gamma=0.1):
        if step_size < 1:
            raise ValueError(f"step_size is positive; got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate of an epoch."""
        return self.base_lr * self.gamma ** (epoch // self.step_size)


class ExponentialLR(Schedule):
    """Multiplies the rate by `gamma` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    gamma : float
        Factor.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> schedule = optim.ExponentialLR(optim.SGD([np.ones(1)], lr=1.0), gamma=0.5)
    >>> [schedule.rate(epoch) for epoch in range(3)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer, gamma):
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate of an epoch."""
        return self.base_lr * self.gamma**epoch


class CosineAnnealingLR(Schedule):
    """Half a cosine from the rate down to `eta_min`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    T_max : int
        Epochs until the minimum; then the rate rises again.
    eta_min : float, default 0.0
        The minimum.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> schedule = optim.CosineAnnealingLR(optim.SGD([np.ones(1)], lr=1.0), T_max=4)
    >>> [round(schedule.rate(epoch), 3) for epoch in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer, T_max, eta_min=0.0):  # noqa: N803 - PyTorch's name
        if T_max < 1:
            raise ValueError(f"T_max is positive; got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate of an epoch."""
        height = 0.5 * (1.0 + math.cos(math.pi * epoch / self.T_max))
        return self.eta_min + (self.base_lr - self.eta_min) * height


class LinearLR(Schedule):
    """Warm-up: a line from a share of the rate to the whole.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    start_factor : float, default 1/3
        Share at the start.
    end_factor : float, default 1.0
        Share at the end, and from then on.
    total_iters : int, default 5
        Epochs until the end.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> optimizer = optim.SGD([np.ones(1)], lr=1.0)
    >>> schedule = optim.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> [schedule.rate(epoch) for epoch in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(self, optimizer, start_factor=1.0 / 3.0, end_factor=1.0, total_iters=5):
        if total_iters < 1:
            raise ValueError(f"total_iters is positive; got {total_iters}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate of an epoch."""
        share = min(epoch, self.total_iters) / self.total_iters
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


class SequentialLR(Schedule):
    """Schedules one after the other, as a warm-up and what comes then.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    schedules : sequence of Schedule
        Of that optimiser; each begins with its epoch 0.
    milestones : sequence of int
        Epochs at which the second and those after it begin, ascending.

    Raises
    ------
    ValueError
        If there is not one milestone less than there are schedules.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> optimizer = optim.SGD([np.ones(1)], lr=1.0)
    >>> warmup = optim.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> cosine = optim.CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule = optim.SequentialLR(optimizer, [warmup, cosine], milestones=[2])
    >>> [round(schedule.rate(epoch), 3) for epoch in range(5)]
    [0.5, 0.75, 1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer, schedules, milestones):
        if len(schedules) != len(milestones) + 1 or sorted(milestones) != list(milestones):
            raise ValueError(
                f"SequentialLR of {len(schedules)} schedules needs {len(schedules) - 1} ascending "
                f"milestones; got {list(milestones)}"
            )
        self.schedules, self.milestones = list(schedules), list(milestones)
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate of an epoch."""
        begun = [m for m in self.milestones if m <= epoch]
        return self.schedules[len(begun)].rate(epoch - (begun[-1] if begun else 0))


class ReduceLROnPlateau(Schedule):
    """Multiplies the rate by `factor` when a loss has stopped getting smaller.

    Parameters
    ----------
    optimizer : Optimizer
        Whose ``lr`` is set.
    mode : {"min", "max"}, default "min"
        Whether what is watched should get smaller, or larger.
    factor : float, default 0.1
        Below 1.
    patience : int, default 10
        Epochs without an improvement that are borne.
    threshold : float, default 1e-4
        Relative change that counts as an improvement.
    min_lr : float, default 0.0
        The rate does not get smaller than this.

    Raises
    ------
    ValueError
        If `factor` is not below 1, or `mode` unknown; by `step` if there is no metric.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> optimizer = optim.SGD([np.ones(1)], lr=1.0)
    >>> schedule = optim.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in [0.5, 0.4, 0.4, 0.4, 0.4]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.1
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, min_lr=0.0):
        if mode not in ("min", "max") or not 0.0 < factor < 1.0:
            raise ValueError(
                f'mode is "min" or "max" and factor below 1; got {mode!r} and {factor}'
            )
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.min_lr = threshold, min_lr
        self.best, self.n_bad, self.lr = math.inf, 0, optimizer.lr
        super().__init__(optimizer)

    def rate(self, epoch):
        """Return the learning rate as it is now."""
        return self.lr

    def step(self, metric=None):
        """Go on to the next epoch, with what is watched."""
        if metric is None:
            raise ValueError("ReduceLROnPlateau watches a loss: step(loss)")
        value = float(metric) if self.mode == "min" else -float(metric)
        if value < self.best - self.threshold * abs(self.best if math.isfinite(self.best) else 0.0):
            self.best, self.n_bad = value, 0
        else:
            self.n_bad += 1
        if self.n_bad > self.patience:
            self.lr, self.n_bad = max(self.optimizer.lr * self.factor, self.min_lr), 0
        super().step()

    def state_dict(self):
        """Return all that later steps depend on, by name."""
        return super().state_dict() | {"best": self.best, "n_bad": self.n_bad, "lr": self.lr}
