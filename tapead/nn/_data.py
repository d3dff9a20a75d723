"""Data: tables that scikit-learn brings along, readers of IDX and CSV files, splits, scales."""

import gzip
import math
import os
from typing import NamedTuple

import numpy as np

TABLES = {
    "digits": "classification",
    "breast_cancer": "classification",
    "wine": "classification",
    "diabetes": "regression",
}
# type codes of the IDX format: yann.lecun.com/exdb/mnist
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


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
        return Dataset(data.astype(np.float32), _column(found.target), "regression")
    classes = tuple(found.target_names.tolist())
    return Dataset(data.astype(np.float32), found.target.astype(np.int64), TABLES[name], classes)


def _column(y):
    return np.asarray(y, dtype=np.float32).reshape(-1, 1)


def _opened(path):
    """A file for reading bytes, unpacked if it is of gzip's format, whatever its name."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else open(path, "rb")


def read_idx(path):
    """Read an array from a file of the IDX format, which MNIST and its kin come in.

    Parameters
    ----------
    path : path
        The file, plain or packed by gzip.

    Returns
    -------
    ndarray
        Of the type and shape that the file states.

    Raises
    ------
    ValueError
        If the file is not of that format, or shorter or longer than it states.

    Examples
    --------
    >>> import tempfile
    >>> from tapead import nn
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     file.flush()
    ...     nn.read_idx(file.name)
    array([7, 2, 1], dtype=uint8)
    """
    name = os.fspath(path)
    try:
        with _opened(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{name} cannot be unpacked: {error}") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ValueError(
            f"{name} is no IDX file: it starts with {content[:4].hex(' ') or 'nothing'}, not with "
            "00 00, a type code and a number of axes"
        )
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist()) if len(content) >= start else ()
    dtype = np.dtype(IDX_TYPES[content[2]])
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(content) < start or len(content) != wanted:
        raise ValueError(
            f"{name} states {content[3]} axes of {shape or 'unknown'} {dtype.name}, {wanted} bytes "
            f"in all; it has {len(content)}"
        )
    return (
        np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    )


def read_csv(path, target=-1, delimiter=",", task=None):
    """Read a table of numbers, one column of which is to be predicted.

    Parameters
    ----------
    path : path
        A text file, plain or packed by gzip; a first line that is not all numbers has the names of
        the columns.
    target : int or str, default -1
        Column of the targets: its number, or its name.
    delimiter : str, default ","
        Between the columns.
    task : {"classification", "regression"}, optional
        By default a classification if all targets are integers, or one is no number.

    Returns
    -------
    Dataset
        ``X, y, task, classes``; classes are sorted.

    Raises
    ------
    ValueError
        If the table is empty or has no such column, or a feature is no number; says where.

    Examples
    --------
    >>> import tempfile
    >>> from tapead import nn
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     _ = file.write("length,width,kind\\n1.0,2.0,b\\n3.0,4.5,a\\n")
    ...     file.flush()
    ...     nn.read_csv(file.name).y
    array([1, 0])
    """
    if task not in (None, "classification", "regression"):
        raise ValueError(f'task is "classification" or "regression"; got {task!r}')
    name = os.fspath(path)
    cells = _cells(path, delimiter, name)
    if not len(cells):
        raise ValueError(f"{name} is empty")
    header = None if any(map(_is_number, cells[0])) else [cell.strip() for cell in cells[0]]
    rows = cells[0 if header is None else 1 :]
    column = _position(target, header, cells.shape[1], name)
    if not len(rows) or cells.shape[1] < 2:
        raise ValueError(
            f"{name} needs rows of features and a target; got {len(rows)} rows of "
            f"{cells.shape[1]} columns"
        )
    features = np.delete(rows, column, axis=1)
    X = _numbers(features, header is not None, column, name)
    return _targeted(X, np.char.strip(rows[:, column]), task, name)


def _cells(path, delimiter, name):
    with _opened(path) as file:
        try:
            lines = (line.decode("utf-8-sig") for line in file)
            return np.loadtxt(
                lines, dtype=str, delimiter=delimiter, comments=None, quotechar='"', ndmin=2
            )
        except UnicodeDecodeError:
            raise ValueError(f"{name} is no text in UTF-8") from None
        except (EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{name} cannot be unpacked: {error}") from None
        except ValueError as error:
            raise ValueError(f"{name} is no table: {error}") from None


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _position(target, header, n_columns, name):
    if isinstance(target, str):
        if header is None or target not in header:
            known = ", ".join(header) if header else "none, as there is no line of names"
            raise ValueError(f"{name} has no column {target!r}; its columns: {known}")
        return header.index(target)
    if not -n_columns <= target < n_columns:
        raise ValueError(f"{name} has {n_columns} columns; got the target column {target}")
    return target % n_columns


def _numbers(features, has_header, column, name):
    try:
        return features.astype(np.float32)
    except ValueError:
        for i, row in enumerate(features):
            for j, cell in enumerate(row):
                if not _is_number(cell):
                    raise ValueError(
                        f"{name}, line {i + 1 + has_header}, column {j + 1 + (j >= column)}: "
                        f"expected a number; got {str(cell)!r}"
                    ) from None
        raise


def _targeted(X, cells, task, name):
    numeric = all(map(_is_number, cells))
    if not numeric and task == "regression":
        raise ValueError(f"{name}: a regression needs targets that are numbers")
    y = cells.astype(float) if numeric else cells
    integers = numeric and np.isfinite(y).all() and (y == np.rint(y)).all()
    if task == "regression" or (task is None and numeric and not integers):
        return Dataset(X, _column(y), "regression")
    classes, labels = np.unique(y.astype(np.int64) if integers else y, return_inverse=True)
    return Dataset(X, labels.astype(np.int64), "classification", tuple(classes.tolist()))


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
    X = np.asarray(X)
    mean, scale = X.mean(axis=0), X.std(axis=0)
    # a column of one value has a deviation of rounding errors, or none
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, np.inf)
    return [(np.asarray(x) - mean) / scale for x in (X, *others)]
