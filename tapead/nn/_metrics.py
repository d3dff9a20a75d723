"""Metrics: how good plain outputs are."""

import numpy as np


def accuracy(outputs, labels):
    """Share of the rows whose label has the largest output.

    Parameters
    ----------
    outputs : ndarray
        Of shape (rows, classes); or one logit per row, which is positive for class 1.
    labels : array_like of int
        One per row.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), [1, 1])
    0.5
    """
    outputs, labels = np.asarray(outputs), np.asarray(labels)
    if outputs.ndim > 1 and outputs.shape[1] > 1:
        chosen = outputs.argmax(axis=1)
    else:
        chosen = outputs.reshape(-1) > 0
    return float(np.mean(chosen == labels.reshape(-1)))


def r2(outputs, targets):
    """Share of the targets' variance that the outputs explain.

    Parameters
    ----------
    outputs : ndarray
        Of any shape.
    targets : array_like
        Of the same shape.

    Returns
    -------
    float
        1 at best; the mean over the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.r2(np.array([[1.0], [2.5]]), np.array([[1.0], [3.0]]))
    0.875
    """
    outputs, targets = np.asarray(outputs, dtype=float), np.asarray(targets, dtype=float)
    if outputs.shape != targets.shape:
        raise ValueError(f"r2 needs arrays of one shape; got {outputs.shape} and {targets.shape}")
    spread = np.sum((targets - targets.mean(axis=0)) ** 2, axis=0)
    return float(np.mean(1.0 - np.sum((outputs - targets) ** 2, axis=0) / spread))
