from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from tapead.nn import Parameter

_Array = NDArray[Any]
_Params = Iterable[Parameter] | Iterable[_Array] | Mapping[str, _Array]
_Gradients = Mapping[str, _Array] | Iterable[_Array]
_State = dict[str, _Array]

class Optimizer:
    STATE: tuple[str, ...]
    lr: float
    n_steps: int
    params: list[Any]
    def __init__(self, params: _Params, lr: float) -> None: ...
    def zero_grad(self) -> None: ...
    def step(self, gradients: Any = None) -> Any: ...
    def prepare(self) -> None: ...
    def update(
        self, x: _Array, gradient: _Array, state: _State, spare: tuple[_Array, _Array]
    ) -> None: ...
    def state_dict(self) -> _State: ...
    def load_state_dict(self, state: Mapping[str, _Array]) -> None: ...

class SGD(Optimizer):
    momentum: float
    dampening: float
    weight_decay: float
    nesterov: bool
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None: ...

class RMSprop(Optimizer):
    alpha: float
    eps: float
    weight_decay: float
    momentum: float
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None: ...

class Adagrad(Optimizer):
    lr_decay: float
    weight_decay: float
    eps: float
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None: ...

class _Moments(Optimizer):
    betas: tuple[float, float]
    eps: float
    weight_decay: float

class Adam(_Moments):
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None: ...

class AdamW(_Moments):
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None: ...

class LAMB(_Moments):
    def __init__(
        self,
        params: _Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None: ...

class LBFGS(Optimizer):
    options: dict[str, Any]
    message: str
    def __init__(
        self,
        params: _Params,
        max_iter: int = 20,
        history_size: int = 10,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
    ) -> None: ...
    def step(self, closure: Callable[[], Any]) -> float: ...  # type: ignore[override]  # as in PyTorch

class Schedule:
    optimizer: Optimizer
    epoch: int
    base_lr: float
    def __init__(self, optimizer: Optimizer) -> None: ...
    def rate(self, epoch: int) -> float: ...
    def step(self, metric: float | None = None) -> None: ...
    def state_dict(self) -> dict[str, float]: ...
    def load_state_dict(self, state: Mapping[str, float]) -> None: ...

class StepLR(Schedule):
    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None: ...

class ExponentialLR(Schedule):
    def __init__(self, optimizer: Optimizer, gamma: float) -> None: ...

class CosineAnnealingLR(Schedule):
    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803
        eta_min: float = 0.0,
    ) -> None: ...

class LinearLR(Schedule):
    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = ...,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None: ...

class SequentialLR(Schedule):
    def __init__(
        self, optimizer: Optimizer, schedules: Sequence[Schedule], milestones: Sequence[int]
    ) -> None: ...

class ReduceLROnPlateau(Schedule):
    lr: float
    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        min_lr: float = 0.0,
    ) -> None: ...

def clip_grad_value_(params: _Params, clip_value: float) -> None: ...
def clip_grad_norm_(params: _Params, max_norm: float) -> float: ...

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
