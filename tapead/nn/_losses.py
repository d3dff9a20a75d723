"""Losses and penalties; on logits where that is the stable form."""

import functools

import numpy as np

import tapead
from tapead.nn._module import Module
from tapead.nn._replay import Labels, checked
from tapead.nn._results import is_traced, takes_results

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def _reduced(values, reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is one of {', '.join(REDUCTIONS)}; got {reduction!r}")
    return REDUCTIONS[reduction](values)


def _pair(name, x, target):
    """Outputs, and targets of the same shape and precision."""
    x = x if hasattr(x, "shape") else np.asarray(x, dtype=float)
    if isinstance(target, Labels):
        target = target.numbers.astype(x.dtype)
    elif not is_traced(target):
        target = np.asarray(target)
        target = target.astype(x.dtype if x.dtype.kind == "f" else float, copy=False)
    if np.shape(x) != np.shape(target):
        raise ValueError(
            f"{name} needs targets of the shape of the outputs, {np.shape(x)}; got "
            f"{np.shape(target)}: reshape one of them"
        )
    return x, target


def _labelled(name, x, labels):
    """Outputs of shape (rows, classes), and one class per row."""
    x = x if hasattr(x, "shape") else np.asarray(x, dtype=float)
    if not isinstance(labels, Labels):
        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu":
            raise TypeError(f"{name} needs integer labels; got {labels.dtype}: labels.astype(int)")
    if len(x.shape) != 2 or labels.shape != x.shape[:1]:
        raise ValueError(
            f"{name} needs outputs of shape (rows, classes) and one label per row; got "
            f"{x.shape} and {labels.shape}"
        )
    checked(labels, functools.partial(_check_labels, name, x.shape[1]))
    return x, labels


def _check_labels(name, n_classes, labels):
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"{name} needs labels from 0 to {n_classes - 1}, one output per class; got "
            f"{labels.min()} to {labels.max()}"
        )


def _at_labels(x, labels):
    """The element of each row at its label."""
    if isinstance(labels, Labels):
        return np.sum(np.where(_one_hot(x, labels), x, 0.0), axis=1)
    return x[np.arange(len(labels)), labels]


def _one_hot(x, labels):
    """Whether an element stands at the label of its row."""
    numbers = labels.numbers if isinstance(labels, Labels) else labels
    return numbers.reshape(-1, 1) == np.arange(x.shape[1], dtype=numbers.dtype)


@takes_results
def mse_loss(output, target, reduction="mean"):
    """Squared error: ``(output - target)**2``.

    Parameters
    ----------
    output : array or Result
        Of any shape.
    target : array_like
        Of the same shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over all elements.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    ValueError
        If the shapes differ, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> float(nn.mse_loss(np.array([1.0, 4.0]), [1.0, 2.0]))
    2.0
    """
    output, target = _pair("mse_loss", output, target)
    return _reduced((output - target) ** 2, reduction)


@takes_results
def huber_loss(output, target, reduction="mean", delta=1.0):
    """Half the squared error up to `delta`, linear beyond: outliers pull less.

    Parameters
    ----------
    output : array or Result
        Of any shape.
    target : array_like
        Of the same shape.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over all elements.
    delta : float, default 1.0
        Where the line begins.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    ValueError
        If the shapes differ, `delta` is not positive, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.huber_loss(np.array([0.5, 4.0]), [0.0, 0.0], reduction="none")
    array([0.125, 3.5  ])
    """
    if not delta > 0.0:
        raise ValueError(f"huber_loss needs a positive delta; got {delta}")
    output, target = _pair("huber_loss", output, target)
    error = output - target
    size = abs(error)
    line = delta * (size - 0.5 * delta)
    return _reduced(np.where(size <= delta, 0.5 * error**2, line), reduction)


@takes_results
def binary_cross_entropy_with_logits(logits, target, reduction="mean"):
    """Cross-entropy of two classes, from logits: no digit is lost in either tail.

    Parameters
    ----------
    logits : array or Result
        Of any shape; the probability of class 1 is ``sigmoid(logits)``.
    target : array_like
        Of the same shape: 0 or 1, or a probability.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over all elements.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    ValueError
        If the shapes differ, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> logits = np.array([0.0, 1000.0, -1000.0])
    >>> nn.binary_cross_entropy_with_logits(logits, [1, 1, 1], reduction="none").round(4)
    array([6.931e-01, 0.000e+00, 1.000e+03])
    """
    logits, target = _pair("binary_cross_entropy_with_logits", logits, target)
    values = target * tapead.softplus(-logits) + (1.0 - target) * tapead.softplus(logits)
    return _reduced(values, reduction)


@takes_results
def cross_entropy(logits, labels, reduction="mean"):
    """Softmax cross-entropy, from logits: ``-log softmax(logits)`` at the label of each row.

    Parameters
    ----------
    logits : array or Result
        Of shape (rows, classes).
    labels : array_like of int
        Of shape (rows,), from 0 to classes - 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the rows.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If shapes do not fit, or a label is no class, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import nn
    >>> logits = np.array([[1000.0, -1000.0], [0.0, 0.0]])
    >>> float(nn.cross_entropy(logits, [0, 1]).round(4))
    0.3466
    >>> tapead.grad(nn.cross_entropy)(logits, [0, 1])  # (softmax - one_hot) / rows
    array([[ 0.  ,  0.  ],
           [ 0.25, -0.25]])
    """
    logits, labels = _labelled("cross_entropy", logits, labels)
    return _reduced(-_at_labels(tapead.log_softmax(logits, axis=1), labels), reduction)


@takes_results
def hinge_loss(scores, labels, reduction="mean"):
    """Hinge loss of two classes: ``max(0, 1 - labels * scores)``.

    Parameters
    ----------
    scores : array or Result
        Of any shape.
    labels : array_like
        Of the same shape: -1 or 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over all elements.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    ValueError
        If the shapes differ, a label is neither -1 nor 1, or `reduction` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.hinge_loss(np.array([2.0, 0.5, -1.0]), [1, 1, 1], reduction="none")
    array([0. , 0.5, 2. ])
    """
    checked(labels, _check_signs)
    scores, labels = _pair("hinge_loss", scores, labels)
    return _reduced(tapead.relu(1.0 - labels * scores), reduction)


def _check_signs(labels):
    if not np.isin(labels, (-1.0, 1.0)).all():
        raise ValueError("hinge_loss needs labels of -1 and 1; for 0 and 1 give 2 * labels - 1")


@takes_results
def multi_margin_loss(scores, labels, reduction="mean", margin=1.0):
    """Hinge loss of several classes: by how much others come too near to the label's score.

    Parameters
    ----------
    scores : array or Result
        Of shape (rows, classes).
    labels : array_like of int
        Of shape (rows,), from 0 to classes - 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        Over the rows.
    margin : float, default 1.0
        By which the score of the label should lead.

    Returns
    -------
    float, Var or Result
        An array for "none".

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If shapes do not fit, or a label is no class, or `reduction` is unknown.

    Notes
    -----
    Per row ``sum(max(0, margin - scores[label] + scores[other])) / classes`` over the others, as in
    PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> float(nn.multi_margin_loss(np.array([[1.0, 0.5, -3.0, 0.0]]), [0]))
    0.125
    """
    scores, labels = _labelled("multi_margin_loss", scores, labels)
    own = _at_labels(scores, labels).reshape(-1, 1)
    short = np.where(_one_hot(scores, labels), 0.0, tapead.relu(margin - own + scores))
    return _reduced(np.sum(short, axis=1) / scores.shape[1], reduction)


def _weights(params):
    """What penalties count: arrays of two or more axes, so no bias and no scale of a norm."""
    return [x for x in params if len(np.shape(x)) > 1]


def _penalised(params, function):
    """Sum of a function over the weights of a net, or of a dict of arrays."""
    if isinstance(params, Module):
        parameters = [p for p in params.parameters() if len(p.shape) > 1]
        return params.run(lambda: _total([_in_use(p) for p in parameters], function))
    values = params.values() if hasattr(params, "values") else params
    return _total(_weights(values), function)


def _in_use(parameter):
    from tapead.nn._results import in_use

    return in_use().get(parameter, parameter.value)


def _total(weights, function):
    total = 0.0
    for w in weights:
        total = total + np.sum(function(w))
    return total


def l2_penalty(params, weight):
    """Half the sum of the squared weights, times `weight`; biases are left alone.

    Parameters
    ----------
    params : Module or dict of str to array
        A net, or arrays by name as `Module.apply` takes them. Arrays of less than two axes, which
        biases and the scales of norms are, do not count.
    weight : float
        Also the factor of each weight in the gradient.

    Returns
    -------
    float, Var or Result
        A `Result` of a net in training.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import nn
    >>> params = {"weight": np.array([[3.0, 4.0]]), "bias": np.array([5.0])}
    >>> float(nn.l2_penalty(params, 0.1))
    1.25
    >>> tapead.grad(nn.l2_penalty)(params, 0.1)
    {'weight': array([[0.3, 0.4]]), 'bias': array([0.])}
    """
    return 0.5 * weight * _penalised(params, np.square)


def l1_penalty(params, weight):
    """Sum of the magnitudes of the weights, times `weight`; biases are left alone.

    Parameters
    ----------
    params : Module or dict of str to array
        A net, or arrays by name as `Module.apply` takes them. Arrays of less than two axes, which
        biases and the scales of norms are, do not count.
    weight : float
        Factor.

    Returns
    -------
    float, Var or Result
        A `Result` of a net in training.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> params = {"weight": np.array([[3.0, -4.0]]), "bias": np.array([5.0])}
    >>> round(float(nn.l1_penalty(params, 0.1)), 6)
    0.7
    """
    return weight * _penalised(params, abs)
