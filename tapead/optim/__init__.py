"""Optimisers, schedules and clipping; steps as PyTorch takes them, in place.

>>> import numpy as np
>>> import tapead
>>> from tapead import optim
>>> params = {"w": np.array([3.0, -2.0])}
>>> optimizer = optim.Adam(params, lr=0.1)
>>> for _ in range(300):
...     gradient = tapead.grad(lambda p: np.sum((p["w"] - 1.0) ** 2))(params)
...     optimizer.step(gradient)
>>> params["w"].round(2)
array([1., 1.])
"""

from tapead.optim._clipping import clip_grad_norm_, clip_grad_value_
from tapead.optim._lbfgs import LBFGS
from tapead.optim._moments import LAMB, Adam, AdamW
from tapead.optim._optimizer import Optimizer
from tapead.optim._rules import SGD, Adagrad, RMSprop
from tapead.optim._schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)

__all__ = [
    "LAMB",
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LinearLR",
    "Optimizer",
    "RMSprop",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
