"""Readers of files that are cut off or garbled: one line says so, and memory stays small."""

import gzip
import io
import struct
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tapead import nn

IDX = struct.pack(">4B2I", 0, 0, 8, 2, 3, 4) + bytes(range(12))
CSV = b'a,"b, c",kind\n1.5,-2e3,x\n\n.5,"7",y\n'
NPZ = io.BytesIO()
np.savez(NPZ, weight=np.ones((1, 2)), bias=np.zeros(1))


def load(path):
    """A net from a file."""
    return nn.Linear(2, 1).load(path)


READERS = {"idx": (nn.read_idx, IDX), "csv": (nn.read_csv, CSV), "npz": (load, NPZ.getvalue())}
MEMORY = 2**24  # bytes; the files are of some hundred


def packed(content):
    return gzip.compress(content, mtime=0)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("readers") / "file"


def outcome(read, path, content, **keywords):
    """What is read, or the message of the error, which is one line that names the file."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read(path, **keywords)
    except ValueError as error:
        found = str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY
    if isinstance(found, str):
        assert found.startswith((str(path), "weight needs shape", "the state of this net has"))
        assert "\n" not in found
    return found


@st.composite
def garbled(draw, content):
    """A file with some bytes changed, left out or put in, and then cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content) - 1))
        content[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
        content = content or bytearray(b"0")
    return bytes(content[: draw(st.integers(0, len(content)))])


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_garbled_files_are_read_or_refused(path, name, data):
    read, content = READERS[name]
    content = data.draw(st.one_of(
        garbled(content), garbled(packed(content)), garbled(content).map(packed),
        st.binary(max_size=300),
    ))  # fmt: skip
    outcome(read, path, content)


@given(kind=st.sampled_from([8, 9, 11, 12, 13, 14]), n=st.integers(0, 255), rest=st.binary())
@example(kind=14, n=3, rest=b"\xff" * 12)
@example(kind=8, n=3, rest=b"\0" * 4 + b"\xff" * 8)  # no elements, axes of 2**32 - 1
@example(kind=8, n=70, rest=b"\0" * 280)  # more axes than an array has
@example(kind=8, n=0, rest=b"\x05")
def test_idx_files_that_state_anything(path, kind, n, rest):
    content = bytes([0, 0, kind, n]) + rest
    found = outcome(nn.read_idx, path, content)
    packed_found = outcome(nn.read_idx, path, packed(content))
    if isinstance(found, str):
        assert found == packed_found
    else:
        np.testing.assert_array_equal(found, packed_found)
        assert found.nbytes == len(content) - 4 - 4 * n


@given(st.text('0123456789.,-+eE"ab_ \t\r\n\u0663\ufeff\0', max_size=80))
@example("1,1e400\n2,1\n")
@example("1e400,1\n2,1\n")
@example("1_0,1\n2,1\n")
@example("\u0663,1\n2,1\n")
@example("nan,inf\n1,nan\n")
def test_csv_files_of_anything(path, text):
    found = outcome(nn.read_csv, path, text.encode())
    if not isinstance(found, str):
        assert len(found.X) == len(found.y) > 0
        assert found.X.shape[1] > 0


@pytest.mark.parametrize("read", [nn.read_idx, nn.read_csv])
def test_what_is_stated_is_not_allocated(path, read):
    sizes = (2**32 - 1,) * 3
    content = struct.pack(">4B3I", 0, 0, 14, 3, *sizes) + bytes(50)
    for stored in (content, packed(content)):
        assert isinstance(outcome(read, path, stored), str)


def test_what_follows_an_idx_array_is_not_unpacked(path):
    message = outcome(nn.read_idx, path, packed(IDX + bytes(3 * 10**7)))
    assert message.endswith("24 bytes in all; it has more")


def test_quote_that_is_never_closed(path):
    content = b"1,2\n" * 100 + b'3,"4\n' + b"1,2\n" * 33_000
    message = outcome(nn.read_csv, path, content)
    assert "is no table" in message
    content = b"1,2\n" * 3000 + b'3,"4\n' + b"1,2\n" * 3000
    assert "line 6001 has a cell of more than 1000 characters" in outcome(
        nn.read_csv, path, content
    )


def test_one_long_cell_does_not_widen_the_others(path):
    content = b"1,2,x\n" * 10_000 + b"1,2," + b"y" * 900 + b"\n"
    found = outcome(nn.read_csv, path, content)
    assert found.y.tolist() == [0] * 10_000 + [1]


@pytest.mark.parametrize(("content", "message"), [
    (b"1,2\n1,2,3\n", "line 2 has 3 columns, and the first 2"),
    (b"a,b\n1,2\n\n1\n", "line 4 has 1 columns, and the first 2"),
    (b'a,b\n"1\n",2\nx,1\n', "line 4, column 1: expected a number; got 'x'"),
])  # fmt: skip
def test_lines_are_those_of_the_file(path, content, message):
    assert message in outcome(nn.read_csv, path, content)


def test_targets_beyond_integers_are_numbers(path):
    found = outcome(nn.read_csv, path, b"1,1e19\n2,-1e19\n")
    assert found.task == "regression"
    assert found.y.ravel().tolist() == np.float32([1e19, -1e19]).tolist()
