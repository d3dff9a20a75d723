"""The command ``train``: what it reports, and how it ends where there is nothing to train."""

import re
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tapead import nn
from tapead.__main__ import main

RNG = np.random.default_rng(0)


def train(capsys, *arguments):
    """Exit status, what was printed, what was complained about."""
    status = main(["train", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def table(tmp_path):
    """A file of two features and the class that tells which one is larger."""
    x = RNG.normal(size=(120, 2))
    path = tmp_path / "table.csv"
    rows = [f"{a:.6f},{b:.6f},{'left' if a > b else 'right'}" for a, b in x]
    path.write_text("\n".join(["a,b,side", *rows]) + "\n")
    return path


def test_digits_are_learned(capsys):
    pytest.importorskip("sklearn")
    status, out, err = train(capsys, "digits", "--hidden", 64, "--epochs", 12)
    assert (status, err) == (0, "")
    assert "digits: 1438 rows to train on, 359 to test, 64 features, 10 classes" in out
    assert "net: 64-64-10, relu, 4810 parameters; adam, learning rate 0.001" in out
    assert float(re.search(r"accuracy ([\d.]+)", out)[1]) > 0.95


def test_table_of_a_file(capsys, table):
    status, out, _ = train(
        capsys, table, "--target", "side", "--hidden", "8,4", "--optimizer", "adamw",
        "--lr", 0.02, "--epochs", 15, "--activation", "tanh", "--quiet",
    )  # fmt: skip
    assert status == 0
    assert "net: 2-8-4-2, tanh, 70 parameters; adamw, learning rate 0.02" in out
    assert float(re.search(r"accuracy ([\d.]+)", out)[1]) > 0.9


def test_numbers_are_predicted(capsys, tmp_path):
    x = RNG.normal(size=(100, 3))
    np.savetxt(tmp_path / "t.csv", np.c_[x @ [1.0, -1.0, 2.0], x], delimiter=",")
    status, out, _ = train(capsys, tmp_path / "t.csv", "--target", 0, "--epochs", 40, "--lr", 0.01)
    assert status == 0
    assert "a number to predict" in out
    assert float(re.search(r"r2 ([\d.]+)", out)[1]) > 0.9


def write_idx(path, x):
    path.write_bytes(struct.pack(f">4B{x.ndim}I", 0, 0, 8, x.ndim, *x.shape) + x.tobytes())
    return path


def test_images_of_idx_files(capsys, tmp_path):
    labels = RNG.integers(0, 2, 80).astype(np.uint8)
    images = (RNG.integers(0, 60, (80, 4, 4)) + 150 * labels[:, None, None]).astype(np.uint8)
    images, labels = write_idx(tmp_path / "x", images), write_idx(tmp_path / "y", labels)
    status, out, _ = train(capsys, images, "--labels", labels, "--epochs", 5)
    assert status == 0
    assert "16 features, 2 classes" in out
    assert float(re.search(r"accuracy ([\d.]+)", out)[1]) > 0.95


def test_the_curve_is_drawn(capsys, table, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curve.png"
    status, out, _ = train(capsys, table, "--epochs", 2, "--plot", path)
    assert status == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"curve: {path}" in out


def refused(capsys, *arguments):
    """The one line that a command ends in."""
    status, out, err = train(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("tapead: ")
    assert err.count("\n") == 1
    return err


def test_unknown_dataset(capsys):
    assert "mnist: unknown dataset: there is no file of this name, and the tables are digits" in (
        refused(capsys, "mnist")
    )


def test_nan_in_the_data(capsys, table):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, "nan,1.0,left"]) + "\n")
    assert "the data have nan in row 120, column 0" in refused(capsys, table)


def test_bad_shape(capsys, tmp_path):
    images = write_idx(tmp_path / "x", np.zeros((5, 2, 2), np.uint8))
    labels = write_idx(tmp_path / "y", np.zeros(4, np.uint8))
    assert "got (5, 2, 2) and (4,)" in refused(capsys, images, "--labels", labels)
    (tmp_path / "t.csv").write_text("1,2,3\n1,2\n")
    assert "is no table" in refused(capsys, tmp_path / "t.csv")


def test_diverging_loss(capsys, tmp_path):
    np.savetxt(tmp_path / "t.csv", RNG.normal(size=(60, 4)), delimiter=",")
    line = refused(capsys, tmp_path / "t.csv", "--optimizer", "sgd", "--lr", "1e6")
    assert re.search(r"the loss became (inf|nan) in epoch \d, batch \d+: training diverges", line)


@pytest.mark.parametrize(("arguments", "message"), [
    (["--hidden", "big"], "--hidden takes sizes such as 64 or 64,32; got 'big'"),
    (["--hidden", "0"], "none below 1"),
    (["--activation", "step"], "activation is one of relu"),
    (["--optimizer", "newton"], "invalid choice: 'newton'"),
    (["--target", "c"], "has no column 'c'; its columns: a, b, side"),
    (["--epochs", "x"], "invalid int value"),
    (["--epochs", "0"], "--epochs"),
    (["--batch-size", "0"], "batch_size is positive"),
    (["--lr", "-1"], "lr is a number that is not negative"),
    (["--test", "2"], "a share between 0 and 1"),
    (["--plot", "/no/such/folder/x.png"], "no such folder|plots need"),
    (["--save", "/no/such/folder/n.npz"], "cannot write /no/such/folder/n.npz: there is no such"),
    (["--save", "/"], "cannot write /: it is a folder"),
    (["--labels", "/no/such/file"], "no IDX file|No such file"),
])  # fmt: skip
def test_arguments_that_make_no_sense(capsys, table, arguments, message):
    assert re.search(message, refused(capsys, table, *arguments))


def test_plot_without_matplotlib(capsys, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "plots need Matplotlib: pip install" in refused(capsys, table, "--plot", "x.png")


def test_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    assert "--hidden SIZES" in capsys.readouterr().out


def test_other_commands_do_not_import_nets(tmp_path):
    code = (
        "import sys; from tapead.__main__ import main; main(['grad', 'x**2', 'x=3']); "
        "print([m for m in sys.modules if m.startswith(('tapead.nn', 'tapead.optim'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def loaded_again(out, X):
    """What the lines that were printed make of rows, and the file's names."""
    lines = out[out.index("    import numpy") :]
    found = {"X": X}
    exec(textwrap.dedent(lines), found)
    return found


def test_net_is_saved_and_loaded_by_what_is_printed(capsys, table, tmp_path):
    path = tmp_path / "a net.npz"
    status, out, _ = train(
        capsys, table, "--target", "side", "--hidden", "8,4", "--activation", "tanh", "--dropout",
        0.1, "--lr", 0.02, "--epochs", 15, "--save", path,
    )  # fmt: skip
    assert status == 0
    assert f"saved: {path}" in out
    x = np.array([[1.0, -1.0], [-1.0, 1.0], [0.5, -0.5]])
    found = loaded_again(out, x)
    assert found["classes"].tolist() == ["left", "right", "left"]
    assert found["outputs"].shape == (3, 2)
    with np.load(path, allow_pickle=False) as file:
        assert file["sizes"].tolist() == [2, 8, 4, 2]
        assert (str(file["activation"]), float(file["dropout"])) == ("tanh", 0.1)


def test_saved_net_gives_what_the_report_says(capsys, tmp_path):
    x = RNG.normal(2.0, 3.0, (100, 3))
    x[:, 1] = 0.5  # a constant column, which tells nothing
    y = 50.0 + 10.0 * (x @ [1.0, -1.0, 2.0])
    np.savetxt(tmp_path / "t.csv", np.c_[y, x], delimiter=",")
    path = tmp_path / "net.npz"
    status, out, _ = train(
        capsys, tmp_path / "t.csv", "--target", 0, "--epochs", 60, "--lr", 0.01, "--save", path
    )
    assert status == 0
    found = loaded_again(out, x)
    error = found["targets"].ravel() - y
    assert 1.0 - np.mean(error**2) / np.var(y) > 0.98
    *_, x_test, y_test = nn.split(x.astype(np.float32), y, 0.2, 0)
    r2 = nn.r2(loaded_again(out, x_test)["targets"], y_test[:, None])
    assert r2 == pytest.approx(float(re.search(r"r2 ([\d.]+)", out)[1]), abs=1e-4)


def test_saved_net_of_integer_classes(capsys, tmp_path):
    x = RNG.normal(size=(80, 2))
    rows = np.c_[x, np.where(x[:, 0] > 0.0, 7, -3)]
    np.savetxt(tmp_path / "t.csv", rows, delimiter=",")
    arguments = tmp_path / "t.csv", "--lr", 0.05, "--save", tmp_path / "n"
    found = loaded_again(train(capsys, *arguments)[1], np.array([[2.0, 0.0], [-2.0, 0.0]]))
    assert found["classes"].tolist() == [7, -3]
