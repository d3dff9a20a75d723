"""Clipping: gradients that stay within bounds."""

import math

import numpy as np


def _gradients(params):
    """Gradients of parameters, or the arrays of a container, which are gradients themselves."""
    if isinstance(params, np.ndarray) or not hasattr(params, "__iter__"):
        raise TypeError(
            "clipping takes net.parameters(), or a dict or list of gradients; got a "
            f"{type(params).__name__}"
        )
    params = params.values() if hasattr(params, "values") else params
    found = (p if isinstance(p, np.ndarray) else p.grad for p in params)
    return [gradient for gradient in found if gradient is not None]


def clip_grad_value_(params, clip_value):
    """Bring every element of the gradients to -clip_value ... clip_value, in place.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        Parameters, whose ``grad`` is clipped; or gradients.
    clip_value : float
        Largest magnitude.

    Raises
    ------
    ValueError
        If `clip_value` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> gradients = [np.array([-3.0, 0.5])]
    >>> optim.clip_grad_value_(gradients, 1.0)
    >>> gradients
    [array([-1. ,  0.5])]
    """
    if not clip_value >= 0.0:
        raise ValueError(f"clip_value is not negative; got {clip_value}")
    for gradient in _gradients(params):
        np.clip(gradient, -clip_value, clip_value, out=gradient)


def clip_grad_norm_(params, max_norm):
    """Scale the gradients, in place, so that all together are no longer than `max_norm`.

    Parameters
    ----------
    params : iterable of Parameter, or container of ndarray
        Parameters, whose ``grad`` is scaled; or gradients.
    max_norm : float
        Largest Euclidean norm of all elements.

    Returns
    -------
    float
        The norm before.

    Raises
    ------
    ValueError
        If `max_norm` is negative.

    Notes
    -----
    The factor is ``max_norm / (norm + 1e-6)``, as in PyTorch, where that is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import optim
    >>> gradients = {"weight": np.array([[3.0, 0.0]]), "bias": np.array([4.0])}
    >>> optim.clip_grad_norm_(gradients, 1.0)
    5.0
    >>> gradients["bias"].round(4)
    array([0.8])
    """
    if not max_norm >= 0.0:
        raise ValueError(f"max_norm is not negative; got {max_norm}")
    gradients = _gradients(params)
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    factor = max_norm / (norm + 1e-6)
    if factor < 1.0:
        for gradient in gradients:
            np.multiply(gradient, factor, out=gradient)
    return norm
