import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Never, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tapead.optim import Optimizer, Schedule

_Array: TypeAlias = NDArray[Any]
_Path: TypeAlias = str | os.PathLike[str]
_Rng: TypeAlias = int | np.random.Generator | None
_Init: TypeAlias = str | Callable[[tuple[int, ...], _Rng, Any], ArrayLike]
_Pair: TypeAlias = int | tuple[int, int]
_Loss: TypeAlias = Callable[[Any, Any], Any]
_Step: TypeAlias = Callable[[_Array, _Array], float]

class Parameter:
    value: _Array
    grad: _Array | None
    def __init__(self, value: ArrayLike, dtype: DTypeLike | None = None) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def size(self) -> int: ...

class Result(np.lib.mixins.NDArrayOperatorsMixin):
    def __init__(self, recording: Any, traced: Any) -> None: ...
    __hash__: Any
    @property
    def value(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def item(self) -> float: ...
    def backward(self, gradient: ArrayLike | None = None) -> None: ...
    def __float__(self) -> float: ...
    def __format__(self, specification: str) -> str: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Never: ...
    def __getitem__(self, index: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any: ...
    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any: ...

class Module:
    training: bool
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def register_buffer(self, name: str, value: _Array) -> None: ...
    def run(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any: ...
    def apply(self, params: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any: ...
    forward: Callable[..., Any]
    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]: ...
    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...
    def parameters(self) -> Iterator[Parameter]: ...
    def arrays(self) -> dict[str, _Array]: ...
    def zero_grad(self) -> None: ...
    def train(self, mode: bool = True) -> Self: ...
    def eval(self) -> Self: ...
    def state_dict(self) -> dict[str, _Array]: ...
    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None: ...
    def save(self, path: _Path) -> None: ...
    def load(self, path: _Path) -> Self: ...
    def extra_repr(self) -> str: ...

class _OfArray(Module): ...
class ReLU(_OfArray): ...
class Sigmoid(_OfArray): ...
class Tanh(_OfArray): ...
class Softplus(_OfArray): ...
class SiLU(_OfArray): ...
class Identity(_OfArray): ...

class LeakyReLU(_OfArray):
    negative_slope: float
    def __init__(self, negative_slope: float = 0.01) -> None: ...

class ELU(_OfArray):
    alpha: float
    def __init__(self, alpha: float = 1.0) -> None: ...

class GELU(_OfArray):
    approximate: str
    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None: ...

class Softmax(_OfArray):
    axis: int
    def __init__(self, axis: int = -1) -> None: ...

def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any: ...
def elu(x: Any, alpha: float = 1.0) -> Any: ...
def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any: ...
def silu(x: Any) -> Any: ...

class Linear(Module):
    in_features: int
    out_features: int
    weight: Any
    bias: Any
    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        init: _Init = "fan_in_uniform",
        rng: _Rng = None,
        dtype: DTypeLike = ...,
    ) -> None: ...

class Sequential(Module):
    def __init__(self, *modules: Module) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Module]: ...
    def __getitem__(self, i: Any) -> Any: ...

class MLP(Sequential):
    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Callable[[], Module] = "relu",
        dropout: float = 0.0,
        init: _Init = "fan_in_uniform",
        rng: _Rng = None,
        dtype: DTypeLike = ...,
    ) -> None: ...

class Dropout(Module):
    p: float
    rng: np.random.Generator
    def __init__(self, p: float = 0.5, rng: _Rng = None) -> None: ...
    def mask(self, shape: tuple[int, ...], dtype: Any) -> _Array: ...

class Flatten(Module): ...

class Residual(Module):
    module: Module
    shortcut: Module
    def __init__(self, module: Module, shortcut: Module | None = None) -> None: ...

class _BatchNorm(Module):
    N_AXES: tuple[int, ...]
    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, dtype: DTypeLike = ...
    ) -> None: ...

class BatchNorm1d(_BatchNorm): ...
class BatchNorm2d(_BatchNorm): ...

class LayerNorm(Module):
    weight: Any
    bias: Any
    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, dtype: DTypeLike = ...
    ) -> None: ...

class Conv2d(Module):
    weight: Any
    bias: Any
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Pair,
        stride: _Pair = 1,
        padding: _Pair = 0,
        bias: bool = True,
        init: _Init = "fan_in_uniform",
        rng: _Rng = None,
        dtype: DTypeLike = ...,
    ) -> None: ...

class _Pool2d(Module):
    FILL: float
    def __init__(
        self, kernel_size: _Pair, stride: _Pair | None = None, padding: _Pair = 0
    ) -> None: ...

class MaxPool2d(_Pool2d):
    def pooled(self, windows: Any) -> Any: ...

class AvgPool2d(_Pool2d):
    def pooled(self, windows: Any) -> Any: ...

def fan_in_uniform(shape: tuple[int, ...], rng: _Rng = None, dtype: DTypeLike = ...) -> _Array: ...
def glorot_uniform(shape: tuple[int, ...], rng: _Rng = None, dtype: DTypeLike = ...) -> _Array: ...
def glorot_normal(shape: tuple[int, ...], rng: _Rng = None, dtype: DTypeLike = ...) -> _Array: ...
def he_uniform(shape: tuple[int, ...], rng: _Rng = None, dtype: DTypeLike = ...) -> _Array: ...
def he_normal(shape: tuple[int, ...], rng: _Rng = None, dtype: DTypeLike = ...) -> _Array: ...
def mse_loss(output: Any, target: ArrayLike, reduction: str = "mean") -> Any: ...
def huber_loss(
    output: Any, target: ArrayLike, reduction: str = "mean", delta: float = 1.0
) -> Any: ...
def binary_cross_entropy_with_logits(
    logits: Any, target: ArrayLike, reduction: str = "mean"
) -> Any: ...
def cross_entropy(logits: Any, labels: ArrayLike, reduction: str = "mean") -> Any: ...
def hinge_loss(scores: Any, labels: ArrayLike, reduction: str = "mean") -> Any: ...
def multi_margin_loss(
    scores: Any, labels: ArrayLike, reduction: str = "mean", margin: float = 1.0
) -> Any: ...
def l2_penalty(params: Module | Mapping[str, Any], weight: float) -> Any: ...
def l1_penalty(params: Module | Mapping[str, Any], weight: float) -> Any: ...
def accuracy(outputs: ArrayLike, labels: ArrayLike) -> float: ...
def r2(outputs: ArrayLike, targets: ArrayLike) -> float: ...

class Dataset(NamedTuple):
    X: NDArray[Any]
    y: NDArray[Any]
    task: str
    classes: tuple[Any, ...] = ()

def load_dataset(name: str) -> Dataset: ...
def read_idx(path: _Path) -> _Array: ...
def read_csv(
    path: _Path, target: int | str = -1, delimiter: str = ",", task: str | None = None
) -> Dataset: ...
def split(
    X: ArrayLike,  # noqa: N803
    y: ArrayLike,
    share: float = 0.2,
    seed: int = 0,
) -> tuple[_Array, _Array, _Array, _Array]: ...
def standardize(X: ArrayLike, *others: ArrayLike) -> list[_Array]: ...  # noqa: N803

class History:
    rows: list[dict[str, float]]
    def __init__(self, rows: Sequence[dict[str, float]] = ()) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, name: str) -> list[float]: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def watched(self) -> str: ...
    @property
    def best_epoch(self) -> int: ...
    def plot(self, path: _Path | None = None, ax: Any = None) -> Any: ...
    def to_json(self) -> str: ...

class DivergenceError(ArithmeticError): ...

def eager_step(
    net: Module,
    loss: _Loss,
    optimizer: Optimizer,
    *,
    l2: float = 0.0,
    l1: float = 0.0,
    clip_norm: float | None = None,
) -> _Step: ...

class _CompiledStep:
    net: Module
    optimizer: Optimizer
    def __call__(self, X: _Array, y: _Array) -> float: ...  # noqa: N803
    def stats(self) -> dict[str, Any]: ...

def compile_step(
    net: Module, loss: _Loss, optimizer: Optimizer, *, l2: float = 0.0, l1: float = 0.0,
    clip_norm: float | None = None,
) -> _CompiledStep: ...  # fmt: skip
def fit(
    net: Module,
    data: tuple[ArrayLike, ArrayLike],
    *,
    loss: _Loss,
    optimizer: Optimizer | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Mapping[str, Callable[[_Array, _Array], float]] | None = None,
    schedule: Schedule | None = None,
    l2: float = 0.0,
    l1: float = 0.0,
    clip_norm: float | None = None,
    shuffle: bool = True,
    seed: int = 0,
    early_stopping: int | None = None,
    min_delta: float = 0.0,
    checkpoint: _Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    step: _Step | None = None,
) -> History: ...
def predict(net: Module, X: _Array) -> _Array: ...  # noqa: N803

class _Perceptron:
    net_: MLP
    history_: History
    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
    ) -> None: ...
    def get_params(self, deep: bool = True) -> dict[str, Any]: ...
    def set_params(self, **params: Any) -> Self: ...
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self: ...  # noqa: N803
    def predict(self, X: ArrayLike) -> _Array: ...  # noqa: N803
    def score(
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float: ...
    def set_score_request(self, *, sample_weight: bool | str | None = ...) -> Self: ...

class MLPClassifier(_Perceptron):
    classes_: _Array
    def predict_proba(self, X: ArrayLike) -> _Array: ...  # noqa: N803

class MLPRegressor(_Perceptron):
    def __sklearn_tags__(self) -> Any: ...

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
