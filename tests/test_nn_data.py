"""Data: readers on files made here, tables of scikit-learn, splits, scales."""

import gzip
import struct
import sys

import numpy as np
import pytest

from tapead import nn

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def write_idx(path, x, opened=open):
    header = struct.pack(f">BBBB{x.ndim}I", 0, 0, CODES[x.dtype.name], x.ndim, *x.shape)
    with opened(path, "wb") as file:
        file.write(header + x.astype(x.dtype.newbyteorder(">")).tobytes())
    return path


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("opened", [open, gzip.open], ids=["plain", "gzip"])
def test_idx_is_read_as_it_was_written(tmp_path, dtype, opened):
    x = np.arange(-7, 53).reshape(3, 4, 5).astype(dtype)
    got = nn.read_idx(write_idx(tmp_path / "x", x, opened))
    assert got.dtype == x.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, x)


@pytest.mark.parametrize(("content", "message"), [
    (b"", "starts with nothing"),
    (b"\x89PNG....", "starts with 89 50 4e 47"),
    (bytes([0, 0, 7, 1, 0, 0, 0, 1, 5]), "no IDX file"),
    (bytes([0, 0, 8, 1, 0, 0, 0, 3, 5]), r"1 axes of \(3,\) uint8, 11 bytes in all; it has 9"),
    (bytes([0, 0, 8, 1, 0, 0, 0, 1, 5, 6]), "9 bytes in all; it has more"),
    (bytes([0, 0, 8, 3, 0, 0]), "it has 6"),
    (b"\x1f\x8bnot packed", "cannot be unpacked"),
    (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 1, 5]), mtime=0)[:-9], "cannot be unpacked"),
])  # fmt: skip
def test_file_that_is_no_idx(tmp_path, content, message):
    path = tmp_path / "x.idx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        nn.read_idx(path)


def write(path, text):
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_csv_with_names_and_classes(tmp_path, name):
    text = '\ufefflength, kind ,width\n1.5,"b, c",2\n-3e1,a,4\n0,"b, c",.5\n'
    data = nn.read_csv(write(tmp_path / name, text), target="kind")
    np.testing.assert_array_equal(data.X, np.array([[1.5, 2.0], [-30.0, 4.0], [0.0, 0.5]], "f4"))
    assert data.X.dtype == np.float32
    assert (data.y.tolist(), data.task) == ([1, 0, 1], "classification")
    assert data.classes == ("a", "b, c")


def test_csv_of_numbers_alone(tmp_path):
    data = nn.read_csv(write(tmp_path / "t.csv", "7;1;2\n3;3;4\n7;5;6\n"), target=0, delimiter=";")
    assert data.X.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert (data.y.tolist(), data.classes) == ([1, 0, 1], (3, 7))
    assert data.y.dtype == np.int64


def test_csv_of_a_regression(tmp_path):
    data = nn.read_csv(write(tmp_path / "t.csv", "1,2.5\n3,4\n"))
    assert data.task == "regression"
    assert (data.y.tolist(), data.y.dtype) == ([[2.5], [4.0]], np.float32)
    whole = nn.read_csv(write(tmp_path / "u.csv", "1,2\n3,4\n"), task="regression")
    assert whole.y.tolist() == [[2.0], [4.0]]


def test_csv_keeps_nan_for_who_uses_it(tmp_path):
    data = nn.read_csv(write(tmp_path / "t.csv", "a,b,c\n1,nan,0\n2,3,1\n"))
    assert np.isnan(data.X[0, 1])


@pytest.mark.parametrize(("text", "keywords", "message"), [
    ("", {}, "is empty"),
    ("a,b\n", {}, "got 0 rows of 2 columns"),
    ("1\n2\n", {}, "got 2 rows of 1 columns"),
    ("1,2,0\n1,x,1\n", {}, "line 2, column 2: expected a number; got 'x'"),
    ("a,b,c\n1,2,0\n,2,1\n", {}, "line 3, column 1: expected a number; got ''"),
    ("k,a\nu,1\nv,z\n", {"target": "k"}, "line 3, column 2: expected a number; got 'z'"),
    ("1,2\n1,2,3\n", {}, "is no table"),
    ("a,b\n1,2\n", {"target": "c"}, "no column 'c'; its columns: a, b"),
    ("1,2\n", {"target": "c"}, "no line of names"),
    ("1,2\n", {"target": 2}, "has 2 columns; got the target column 2"),
    ("1,u\n2,v\n", {"task": "regression"}, "targets that are numbers"),
    ("1,2\n", {"task": "cluster"}, "task is"),
])  # fmt: skip
def test_file_that_is_no_table(tmp_path, text, keywords, message):
    with pytest.raises(ValueError, match=message):
        nn.read_csv(write(tmp_path / "t.csv", text), **keywords)


def test_file_that_is_no_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"t\.csv is no text in UTF-8"):
        nn.read_csv(path)


@pytest.mark.parametrize(("name", "shape", "n_classes"), [
    ("digits", (1797, 64), 10), ("breast_cancer", (569, 30), 2), ("wine", (178, 13), 3),
    ("diabetes", (442, 10), 0),
])  # fmt: skip
def test_tables_of_scikit_learn(name, shape, n_classes):
    datasets = pytest.importorskip("sklearn.datasets")
    found = getattr(datasets, f"load_{name}")()
    data = nn.load_dataset(name)
    assert (data.X.shape, data.X.dtype, len(data.classes)) == (shape, np.float32, n_classes)
    np.testing.assert_array_equal(data.y.ravel(), found.target)
    scale = 16.0 if name == "digits" else 1.0
    np.testing.assert_allclose(data.X * scale, found.data, rtol=1e-6)


def test_table_that_there_is_not(monkeypatch):
    with pytest.raises(ValueError, match="unknown dataset 'iris'; there are digits, breast_cancer"):
        nn.load_dataset("iris")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install 'tapead\[nn\]'"):
        nn.load_dataset("digits")


def test_split_keeps_rows_and_targets_together():
    x, y = np.arange(60.0).reshape(20, 3), np.arange(20)
    parts = nn.split(x, y, 0.3, seed=1)
    assert [len(part) for part in parts] == [14, 14, 6, 6]
    np.testing.assert_array_equal(parts[0][:, 0], 3.0 * parts[1])
    np.testing.assert_array_equal(parts[2][:, 0], 3.0 * parts[3])
    assert sorted([*parts[1], *parts[3]]) == list(range(20))
    for again, part in zip(nn.split(x, y, 0.3, seed=1), parts, strict=True):
        np.testing.assert_array_equal(again, part)
    assert not np.array_equal(nn.split(x, y, 0.3, seed=2)[3], parts[3])
    assert len(nn.split(x, y, 0.001)[3]) == 1
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        nn.split(x, y, 1.5)


def test_standardize_is_scikit_learn_s():
    scalers = pytest.importorskip("sklearn.preprocessing")
    rng = np.random.default_rng(0)
    x, other = rng.normal(size=(9, 3)) * [1.0, 10.0, 0.1] + 5.0, rng.normal(size=(4, 3))
    scaler = scalers.StandardScaler().fit(x)
    scaled, moved = nn.standardize(x, other)
    np.testing.assert_allclose(scaled, scaler.transform(x), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(moved, scaler.transform(other), rtol=1e-11)
    assert nn.standardize(np.full((4, 1), 0.1, np.float32))[0].tolist() == [[0.0]] * 4
