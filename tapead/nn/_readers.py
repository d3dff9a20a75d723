"""Readers of IDX and CSV files, which refuse what is cut off or garbled and say where.

What a file states is believed only as far as there are bytes: memory grows with what is read.
"""

import csv
import gzip
import io
import itertools
import math
import os
import zlib
from contextlib import contextmanager

import numpy as np

from tapead.nn._data import Dataset, column_of

# type codes of the IDX format: yann.lecun.com/exdb/mnist
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PIECE = 2**20  # bytes that are read in one go
BLOCK = 2**14  # cells that are text at the same time
LONGEST_CELL = 1000  # characters; a quote that is never closed makes a longer one


@contextmanager
def _opened(path):
    """A file for reading bytes, unpacked if it is of gzip's format, whatever its name."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)} cannot be unpacked: {error}") from None


def _first(file, n):
    """The next `n` bytes, or what there is."""
    pieces = []
    while n > 0 and (piece := file.read(min(n, PIECE))):
        pieces.append(piece)
        n -= len(piece)
    return b"".join(pieces)


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
    with _opened(path) as file:
        head = _first(file, 4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES:
            raise ValueError(
                f"{name} is no IDX file: it starts with {head.hex(' ') or 'nothing'}, not with "
                "00 00, a type code and a number of axes"
            )
        sizes = _first(file, 4 * head[3])
        whole = len(sizes) == 4 * head[3]
        shape = tuple(np.frombuffer(sizes, ">u4").tolist()) if whole else ()
        dtype = np.dtype(IDX_TYPES[head[2]])
        n = math.prod(shape) * dtype.itemsize if whole else 0
        content = _first(file, n + 1)
    start = 4 + len(sizes)
    if not whole or len(content) != n:
        has = "more" if whole and len(content) > n else start + len(content)
        raise ValueError(
            f"{name} states {head[3]} axes of {shape or 'unknown'} {dtype.name}, {start + n} bytes "
            f"in all; it has {has}"
        )
    try:
        x = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # too many axes; or one of no elements beside huge ones
        raise ValueError(f"{name} states axes that no array has: {error}") from None
    return x.astype(dtype.newbyteorder("="))


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
        If the file is no table, is empty or has no such column, or a feature is no number; says
        where.

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
    with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as lines:
        rows = _rows(lines, delimiter, name)
        first = next(rows, None)
        if first is None:
            raise ValueError(f"{name} is empty")
        n_columns = len(first[1])
        header = None if any(map(_is_number, first[1])) else [cell.strip() for cell in first[1]]
        column = _position(target, header, n_columns, name)
        if header is None:
            rows = itertools.chain([first], rows)
        features, targets = _columns(rows, column, n_columns, name)
    if not len(targets) or n_columns < 2:
        raise ValueError(
            f"{name} needs rows of features and a target; got {len(targets)} rows of "
            f"{n_columns} columns"
        )
    return _targeted(features, targets, task, name)


def _rows(lines, delimiter, name):
    """The number of the line and the cells of each row."""
    n_columns = None
    try:
        reader = csv.reader(lines, delimiter=delimiter)
        for cells in reader:
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            where = f"{name} is no table: line {reader.line_num} has"
            n_columns = len(cells) if n_columns is None else n_columns
            if len(cells) != n_columns:
                raise ValueError(f"{where} {len(cells)} columns, and the first {n_columns}")
            if max(map(len, cells)) > LONGEST_CELL:
                raise ValueError(f"{where} a cell of more than {LONGEST_CELL} characters")
            yield reader.line_num, cells
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no text in UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{name} is no table: {error}") from None


def _columns(rows, column, n_columns, name):
    """Features of float32, and targets as text."""
    features, targets = [np.empty((0, n_columns - 1), np.float32)], []
    while block := list(itertools.islice(rows, max(1, BLOCK // n_columns))):
        targets += [cells.pop(column).strip() for _, cells in block]
        features.append(_numbers(block, column, name))
    return np.concatenate(features), np.array(targets, object)  # as long as each one is


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


def _numbers(block, column, name):
    """Rows without their targets, as numbers."""
    try:
        return np.array([cells for _, cells in block], str).astype(np.float32)
    except ValueError:
        for line, cells in block:
            for j, cell in enumerate(cells):
                if not _is_number(cell):
                    raise ValueError(
                        f"{name}, line {line}, column {j + 1 + (j >= column)}: "
                        f"expected a number; got {cell!r}"
                    ) from None
        raise


def _targeted(X, cells, task, name):
    numeric = all(map(_is_number, cells))
    if not numeric and task == "regression":
        raise ValueError(f"{name}: a regression needs targets that are numbers")
    y = cells.astype(float) if numeric else cells
    integers = numeric and (np.abs(y) < 2.0**53).all() and (y == np.rint(y)).all()
    if task == "regression" or (task is None and numeric and not integers):
        return Dataset(X, column_of(y), "regression")
    classes, labels = np.unique(y.astype(np.int64) if integers else y, return_inverse=True)
    return Dataset(X, labels.astype(np.int64), "classification", tuple(classes.tolist()))
