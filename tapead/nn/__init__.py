"""Neural networks: layers, losses and training, on the public names of `tapead` alone.

>>> import numpy as np
>>> from tapead import nn, optim
>>> net = nn.MLP((2, 16, 1), activation="tanh", rng=0)
>>> optimizer = optim.Adam(net.parameters(), lr=0.05)
>>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> y = np.array([[0.0], [1.0], [1.0], [0.0]])
>>> for _ in range(200):
...     optimizer.zero_grad()
...     loss = nn.binary_cross_entropy_with_logits(net(x), y)
...     loss.backward()
...     optimizer.step()
>>> (net.eval()(x) > 0).ravel()
array([False,  True,  True, False])
"""

import importlib

from tapead.nn._activations import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    elu,
    gelu,
    leaky_relu,
    silu,
)
from tapead.nn._data import (
    Dataset,
    load_dataset,
    split,
    standardize,
)
from tapead.nn._fit import DivergenceError, fit, predict
from tapead.nn._history import History
from tapead.nn._images import AvgPool2d, Conv2d, MaxPool2d
from tapead.nn._initialisers import (
    fan_in_uniform,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
)
from tapead.nn._layers import MLP, Dropout, Flatten, Linear, Residual, Sequential
from tapead.nn._losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
    multi_margin_loss,
)
from tapead.nn._metrics import accuracy, r2
from tapead.nn._module import Module
from tapead.nn._norms import BatchNorm1d, BatchNorm2d, LayerNorm
from tapead.nn._parameter import Parameter
from tapead.nn._readers import read_csv, read_idx
from tapead.nn._results import Result
from tapead.nn._steps import compile_step, eager_step

__all__ = [
    "ELU",
    "GELU",
    "MLP",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "Dataset",
    "DivergenceError",
    "Dropout",
    "Flatten",
    "History",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MLPClassifier",
    "MLPRegressor",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Residual",
    "Result",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "accuracy",
    "binary_cross_entropy_with_logits",
    "compile_step",
    "cross_entropy",
    "eager_step",
    "elu",
    "fan_in_uniform",
    "fit",
    "gelu",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "hinge_loss",
    "huber_loss",
    "l1_penalty",
    "l2_penalty",
    "leaky_relu",
    "load_dataset",
    "mse_loss",
    "multi_margin_loss",
    "predict",
    "r2",
    "read_csv",
    "read_idx",
    "silu",
    "split",
    "standardize",
]


def __getattr__(name):
    """Import the estimators, and scikit-learn, when they are first asked for."""
    if name not in ("MLPClassifier", "MLPRegressor"):
        raise AttributeError(f"module 'tapead.nn' has no attribute {name!r}")
    try:
        module = importlib.import_module("tapead.nn._estimators")
    except ImportError as error:
        raise ImportError(
            f"{name} needs scikit-learn: pip install 'tapead[nn]' ({error})"
        ) from None
    value = globals()[name] = getattr(module, name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
