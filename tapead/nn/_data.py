"""Data: tables that scikit-learn brings along, splits, scales."""

from typing import NamedTuple

import numpy as np

TABLES = {
    "digits": "classification",
    "breast_cancer": "classification",
    "wine": "classification",
    "diabetes": "regression",
}


class Dataset(NamedTuple):
    """Rows and their targets.

    Parameters
    ----------
    X : ndarray of float32
        Of shape (rows, features).
    y : ndarray
        Integer labels from 0 on, of shape (rows,); or float32 of shape (rows, 1).
    task : {"classification", "regression"}
        Which of the two `y` is for.
    classes : tuple
        Name of each label; empty for a regression.
    """

    X: np.ndarray
    y: np.ndarray
    task: str
    classes: tuple = ()


def load_dataset(name):
    """Load a table that scikit-learn brings along: no network is needed.

    Parameters
    ----------
    name : {"digits", "breast_cancer", "wine", "diabetes"}
        1,797 images of 8 x 8 pixels, scaled to 0 ... 1, in 10 classes; 569 x 30 in 2 classes; 178 x
        13 in 3 classes; 442 x 10 with a number to predict.

    Returns
    -------
    Dataset
        ``X, y, task, classes``.

    Raises
    ------
    ValueError
        If there is no such table.
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from tapead import nn
    >>> X, y, task, classes = nn.load_dataset("wine")
    >>> X.shape, y.shape, task, len(classes)
    ((178, 13), (178,), 'classification', 3)
    """
    if name not in TABLES:
        raise ValueError(f"unknown dataset {name!r}; there are {', '.join(TABLES)}")
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError(
            f"the dataset {name} comes with scikit-learn: pip install 'tapead[nn]'"
        ) from None
    found = getattr(datasets, f"load_{name}")()
    data = found.data / 16.0 if name == "digits" else found.data
    if TABLES[name] == "regression":
        return Dataset(data.astype(np.float32), column_of(found.target), "regression")
    classes = tuple(found.target_names.tolist())
    return Dataset(data.astype(np.float32), found.target.astype(np.int64), TABLES[name], classes)


def column_of(y):
    """Targets of a regression."""
    return np.asarray(y, dtype=np.float32).reshape(-1, 1)


def checked_rows(X, y, dtype):
    """Features of a dtype and targets, one of each per row; raises if a number is not finite."""
    X, y = np.asarray(X), np.asarray(y)
    if X.dtype.kind not in "fiub" or y.dtype.kind not in "fiub":
        raise TypeError(f"data have to be numbers; got {X.dtype} and {y.dtype}")
    if X.ndim < 2 or not y.ndim or len(X) != len(y) or not len(X):
        raise ValueError(
            f"data need shape (rows, ...) and one target per row; got {X.shape} and {y.shape}"
        )
    X = X.astype(dtype, copy=False)
    y = y.astype(dtype, copy=False) if y.dtype.kind == "f" else y
    for what, x in (("data", X), ("targets", y)):
        bad = () if x.dtype.kind != "f" or np.isfinite(x).all() else np.argwhere(~np.isfinite(x))[0]
        if len(bad):
            place = ", ".join(
                f"{kind} {i}" for kind, i in zip(("row", "column"), bad, strict=False)
            )
            raise ValueError(
                f"the {what} have {x[tuple(bad)]} in {place} (counted from 0); leave such rows out "
                "or fill in numbers"
            )
    return X, y


def split(X, y, share=0.2, seed=0):
    """Set a share of the rows aside, chosen at random.

    Parameters
    ----------
    X : array_like
        Of shape (rows, ...).
    y : array_like
        One target per row.
    share : float, default 0.2
        Of the rows, rounded; at least one row is on each side.
    seed : int, default 0
        Of the choice.

    Returns
    -------
    tuple of ndarray
        Rows and targets that stay, in their order, and those that are set aside: ``X, y, X_aside,
        y_aside``.

    Raises
    ------
    ValueError
        If `share` is not between 0 and 1, or there are less than two rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> X, y, X_test, y_test = nn.split(np.arange(10.0).reshape(5, 2), np.arange(5), share=0.4)
    >>> X.shape, sorted([*y.tolist(), *y_test.tolist()])
    ((3, 2), [0, 1, 2, 3, 4])
    """
    X, y = np.asarray(X), np.asarray(y)
    if not 0.0 < share < 1.0 or len(X) != len(y) or len(y) < 2:
        raise ValueError(
            f"split needs a share between 0 and 1, and two or more rows and targets; got {share}, "
            f"{len(X)} rows and {len(y)} targets"
        )
    n_aside = min(max(round(share * len(y)), 1), len(y) - 1)
    aside = np.zeros(len(y), bool)
    aside[np.random.default_rng((seed, 0)).permutation(len(y))[:n_aside]] = True
    return X[~aside], y[~aside], X[aside], y[aside]


def standardize(X, *others):
    """Bring each column to mean 0 and variance 1; others by the numbers of the first.

    Parameters
    ----------
    X : array_like of float
        Of shape (rows, columns): what is trained on. A constant column becomes 0.
    *others : array_like of float
        Tables of the same columns.

    Returns
    -------
    list of ndarray
        One per table.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.standardize(np.array([[1.0], [3.0]]), np.array([[5.0]]))
    [array([[-1.],
           [ 1.]]), array([[3.]])]
    """
    mean, scale = moments(X)
    return [(np.asarray(x) - mean) / scale for x in (X, *others)]


def moments(X):
    """Means of the columns, and what divides them; infinite where a column is constant."""
    X = np.asarray(X)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    # a column of one value has a deviation of rounding errors, or none
    return mean, np.where(scale > 1e-6 * np.abs(mean), scale, np.inf)
