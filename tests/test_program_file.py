"""Files of programs: what is written comes back, and nothing else does."""

import hashlib
import io
import json
import os
import stat
import struct

import numpy as np
import pytest
from codes import code, equal, one_row, random_code, small
from hypothesis import given
from hypothesis import strategies as st
from reference import row_id

from tapead import _program_file
from tapead._code_data import HIGHEST_ORDER, NO_OPERAND, CodeData, check
from tapead._guards import COMPARISONS, GUARDS
from tapead._program_file import CHECKSUM, MAGIC, PREFIX, dump, load, write
from tapead.elementals import INSTRUCTIONS, OPCODES

HEADER = {"names": ["x", "é"], "signature": {"kind": "tuple", "of": [1.5, None, True]}}
CONTENT = dump(small(), HEADER)


def signed(content):
    """`content` with its checksum made right, as someone hostile would."""
    return content[:-CHECKSUM] + hashlib.sha256(content[:-CHECKSUM]).digest()


def with_text(change):
    """The small program's file with its text changed, lengths and checksum right."""
    *fields, n_text = PREFIX.unpack_from(CONTENT)
    start = len(CONTENT) - CHECKSUM - n_text
    text = json.loads(CONTENT[start:-CHECKSUM])
    text = change(text) or text
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    fields[3] += len(text) - n_text
    content = PREFIX.pack(*fields, len(text)) + CONTENT[PREFIX.size : start] + text
    return signed(content + bytes(CHECKSUM))


# -- there and back ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_program_comes_back(seed):
    data, _ = random_code(seed, 50 * seed, n_guards=11 * seed)
    loaded, header = load(dump(data, HEADER))
    assert equal(loaded, data)
    assert header == HEADER


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_every_row_comes_back(row):
    assert equal(load(dump(one_row(row), {}))[0], one_row(row))


def test_empty_program_comes_back():
    assert equal(load(dump(code(0, [], []), {}))[0], code(0, [], []))


def test_arrays_are_the_loader_s_own():
    loaded, _ = load(CONTENT)
    arrays = [field for field in loaded if isinstance(field, np.ndarray)]
    assert all(array.flags.writeable for array in arrays)


def test_same_program_gives_the_same_bytes():
    assert dump(small(), HEADER) == CONTENT


def test_numbers_of_operations_may_change(monkeypatch):
    # another version knows the same names by other numbers
    rows = INSTRUCTIONS[::-1]
    monkeypatch.setattr(_program_file, "OPCODES", {r.name: k for k, r in enumerate(rows, 1)})
    monkeypatch.setattr(_program_file, "check", lambda data: None)
    loaded, _ = load(CONTENT)
    names = [rows[op - 1].name for op in loaded.op]
    assert names == [INSTRUCTIONS[op - 1].name for op in small().op]


def test_layout_is_the_documented_one():
    magic, version, flags, total, *counts, n_text = struct.unpack_from("<8sII7Q", CONTENT)
    assert (magic, version, flags, total) == (b"\x93TAPEAD\n", 1, 0, len(CONTENT))
    n_inputs, n, c, m, g = counts
    data = small()
    assert (n_inputs, n, c, m, g) == (2, len(data.op), 3, 3, 3)
    assert total == 72 + 8 * c + 16 * g + 8 * n + 4 * m + 16 * g + n + 2 * g + n_text + 32
    assert np.frombuffer(CONTENT, "<f8", c, 72).tobytes() == data.constants.tobytes()
    x_at = 72 + 8 * c + 16 * g
    assert np.frombuffer(CONTENT, "<i4", n, x_at).tolist() == data.x.tolist()
    assert hashlib.sha256(CONTENT[:-32]).digest() == CONTENT[-32:]


def test_header_that_json_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="JSON"):
        dump(small(), {"f": object()})


def test_malformed_program_is_not_written():
    with pytest.raises(ValueError, match="output 0 is value 99"):
        dump(small()._replace(outputs=np.array([99], np.int32)), {})


# -- paths and streams ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_path_is_written_and_read(tmp_path, kind):
    path = kind(tmp_path / "é.tapead")
    write(path, CONTENT)
    assert equal(load(path)[0], small())
    assert os.listdir(tmp_path) == ["é.tapead"]


def test_stream_is_written_and_read():
    stream = io.BytesIO()
    write(stream, CONTENT)
    stream.seek(0)
    assert equal(load(stream)[0], small())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_sort_are_read(kind):
    assert equal(load(kind(CONTENT))[0], small())


def test_writing_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "p"
    write(path, b"old")

    def refuse(*args):
        raise OSError("disk")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk"):
        write(path, CONTENT)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["p"]


@pytest.mark.skipif(os.name == "nt", reason="modes and links as Unix has them")
def test_mode_and_link_of_an_old_file_stay(tmp_path):
    path, link = tmp_path / "p", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write(link, CONTENT)
    assert link.is_symlink()
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no devices")
def test_device_is_written_to_not_replaced():
    write("/dev/null", CONTENT)
    assert not os.path.isfile("/dev/null")


def test_stream_of_text_is_refused():
    with pytest.raises(TypeError, match="binary"):
        load(io.StringIO("x"))


def test_missing_file_is_the_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


# -- damage -----------------------------------------------------------------------------------


def each_way(content):
    """As bytes and as a stream."""
    yield content
    yield io.BytesIO(content)


def refused(content, match="the (data|stream) "):
    for source in each_way(content):
        with pytest.raises(ValueError, match=match):
            load(source)


@pytest.mark.parametrize("n", range(len(CONTENT)))
def test_truncated_file_is_refused(n):
    refused(CONTENT[:n], "empty" if n == 0 else "not a tapead program" if n < 8 else "damaged")


@given(st.binary(min_size=1, max_size=50))
def test_extended_file_is_refused(more):
    refused(CONTENT + more, "damaged: .* it has more")


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_altered_byte_is_found(place, flip):
    altered = bytearray(CONTENT)
    altered[place] ^= flip
    refused(bytes(altered))


@given(st.binary(max_size=300))
def test_anything_else_is_not_a_program(content):
    refused(content)
    refused(MAGIC + content)


@given(st.integers(0, 6), st.integers(0, 2**64 - 1) | st.integers(0, 40))
def test_lengths_that_do_not_fit_are_refused_before_memory_is_taken(field, length):
    fields = list(PREFIX.unpack_from(CONTENT))
    if fields[3 + field] == length or (field == 1 and length < 2**31):
        return  # the same, or more inputs, of which there may be any number
    fields[3 + field] = length
    refused(signed(PREFIX.pack(*fields) + CONTENT[PREFIX.size :]))


@given(st.lists(st.tuples(st.integers(8, len(CONTENT) - 1), st.integers(0, 255)), max_size=4))
def test_hostile_file_is_refused_or_well_formed(changes):
    altered = bytearray(CONTENT)
    for place, byte in changes:
        altered[place] = byte
    try:
        data, header = load(signed(bytes(altered)))
    except ValueError:
        return
    check(data)
    assert isinstance(header, dict)


@given(st.integers(0, 10**6), st.data())
def test_hostile_arrays_are_refused_or_well_formed(seed, drawn):
    *_, n_text = PREFIX.unpack_from(CONTENT)
    rng = np.random.default_rng(seed)
    altered = bytearray(CONTENT)
    for _ in range(drawn.draw(st.integers(1, 8))):
        place = int(rng.integers(PREFIX.size, len(CONTENT) - CHECKSUM - n_text))
        altered[place] = int(rng.choice([0, 1, 2, 127, 128, 254, 255]))
    try:
        check(load(signed(bytes(altered)))[0])
    except ValueError:
        return


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t["operations"].__setitem__(0, "frob"), "does not know: 'frob'; .* written by"),
        (lambda t: t["guards"].__setitem__(0, "frob"), "uses guards .* does not know: 'frob'"),
        (lambda t: t["operations"].__setitem__(0, ["add"]), "operations are not names"),
        (lambda t: t["operations"].__delitem__(-1), "more operations than it names"),
        (lambda t: t["guards"].clear(), "more guards than it names"),
        (lambda t: t["operations"].extend(["add"] * 300), "operations are not names"),
        (lambda t: t["sources"].__delitem__(-1), "a source that is not there"),
        (lambda t: t["sources"].__setitem__(0, ["f", "1", "g"]), "a file, a line and a function"),
        (lambda t: t["sources"].__setitem__(0, 1), "a file, a line and a function"),
        (lambda t: t["sources"].__setitem__(0, ["f", 2**80, "g"]), "on line"),
        (lambda t: t.__delitem__("header"), "not the one of a program"),
        (lambda t: t.__setitem__("more", 1), "not the one of a program"),
        (lambda t: t.__setitem__("header", []), "has a list as 'header'"),
        (lambda t: t.__setitem__("tapead", 1), "has a int as 'tapead'"),
        (lambda t: [t], "not the one of a program"),
        (lambda t: b"{", "cannot be read"),
        (lambda t: b"\xff", "cannot be read"),
        (lambda t: b"[" * 200_000, "damaged"),
        (lambda t: b"9" * 10_000, "damaged"),
    ],
)  # fmt: skip
def test_hostile_text_is_refused(change, match):
    refused(with_text(change), match)


def test_later_format_is_named():
    fields = list(PREFIX.unpack_from(CONTENT))
    fields[1] = 2
    later = signed(PREFIX.pack(*fields) + CONTENT[PREFIX.size :])
    refused(later, "has format 2; .* reads format 1")


# -- the check --------------------------------------------------------------------------------


def i32(*numbers):
    return np.array(numbers, np.int32)


def u8(*numbers):
    return np.array(numbers, np.uint8)


def replaced(name, place, value):
    """The small program with one number changed."""
    array = getattr(small(), name).copy()
    array[place] = value
    return small()._replace(**{name: array})


def test_check_accepts_what_is_well_formed():
    check(small())
    check(random_code(0, 300, n_guards=50)[0])


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (replaced("op", 1, 0), "instruction 1 has the opcode 0, which is none"),
        (replaced("op", 1, 255), "instruction 1 has the opcode 255"),
        (replaced("op", 0, OPCODES["sin"]), "instruction 0 is sin of 1; it has 2 operands"),
        (replaced("op", 1, OPCODES["add"]), "instruction 1 is add of 2; it has 1 operand"),
        (replaced("x", 1, 3), "instruction 1 reads value 3; there are 3 by then"),
        (replaced("y", 0, 2), "instruction 0 reads value 2; there are 2 by then"),
        (replaced("x", 1, -4), "instruction 1 reads constant 3; there are 3"),
        (replaced("x", 1, NO_OPERAND), "instruction 1 reads constant 2147483647"),
        (replaced("y", 2, -4), "instruction 2 reads constant 3; there are 3"),
        (replaced("outputs", 0, 7), "output 0 is value 7; there are 7"),
        (replaced("outputs", 2, -4), "output 2 is constant 3; there are 3"),
        (replaced("guard_kind", 0, len(GUARDS)), "guard 0 has the kind 11"),
        (replaced("guard_outcome", 0, 2), r"guard 0 \(less\) has the outcome 2"),
        (replaced("guard_outcome", 1, 0), r"guard 1 \(floor\) has the outcome 0"),
        (replaced("guard_at", 2, 6), "guard 2 is taken at 6 of 5"),
        (replaced("guard_at", 0, -1), "guard 0 is taken at -1 of 5"),
        (replaced("guard_at", 0, 2), "guard 1 is taken before guard 0"),
        (replaced("guard_x", 0, 3), "guard 0 reads value 3; there are 3 by then"),
        (replaced("guard_y", 0, -4), "guard 0 reads constant 3"),
        (small()._replace(n_inputs=-1), "n_inputs is an int"),
        (small()._replace(n_inputs=True), "n_inputs is an int"),
        (small()._replace(n_inputs=2**31 - 2), "at most 2147483647 values"),
        (small()._replace(x=i32(0)), r"x has shape \(1,\); 5 instructions"),
        (small()._replace(guard_values=np.zeros((3, 3))), "guard_values has shape"),
        (small()._replace(guard_values=np.zeros(6)), "wrong number of dimensions"),
        (small()._replace(op=i32(1, 1, 1, 1, 1)), "op is an array of uint8; got int32"),
        (small()._replace(op=[1]), "op is an ndarray; got list"),
        (small()._replace(x=np.arange(10, dtype=np.int32)[::2]), "not contiguous"),
        (small()._replace(x=small().x.astype(small().x.dtype.newbyteorder())), "array of int32"),
        (small()._replace(sources=()), "sources has 0 entries for 3 guards"),
        (small()._replace(sources=[]), "sources is a tuple"),
        (small()._replace(sources=(1, 2, 3)), "the source of guard 0"),
    ],
)  # fmt: skip
def test_check_refuses(data, match):
    with pytest.raises(ValueError, match=match):
        check(data)


@pytest.mark.parametrize("order", [-1.0, 0.5, HIGHEST_ORDER + 1.0, np.inf, np.nan])
@pytest.mark.parametrize("name", ["polygamma", "sinc_derivative"])
def test_order_that_would_loop_for_ever_is_refused(name, order):
    data = code(1, [(name, -1, 0)], [1], [order])
    with pytest.raises(ValueError, match=f"the order of {name} is a constant"):
        check(data)


def test_order_that_is_computed_is_refused():
    with pytest.raises(ValueError, match="is a constant"):
        check(code(1, [("polygamma", 0, 0)], [1]))


@given(st.data())
def test_check_agrees_with_a_plain_reading(drawn):
    operand = st.integers(-4, 6)
    n, g = drawn.draw(st.integers(0, 4)), drawn.draw(st.integers(0, 3))

    def ints(k, values=operand):
        return drawn.draw(st.lists(values, min_size=k, max_size=k))

    op = ints(n, st.sampled_from([1, 3, OPCODES["sin"], OPCODES["carry"]]))
    pairs = zip(op, ints(n), strict=True)
    y = [v if INSTRUCTIONS[o - 1].arity == 2 else NO_OPERAND for o, v in pairs]
    kinds, outcomes = ints(g, st.integers(0, 10)), ints(g, st.integers(0, 1))
    data = CodeData(
        2, u8(*op), i32(*ints(n)), i32(*y), np.zeros(3), i32(*ints(2)), u8(*kinds), i32(*ints(g)),
        i32(*ints(g)), u8(*outcomes), i32(*sorted(ints(g, st.integers(0, 4)))), np.zeros((g, 2)),
        (("", 0, ""),) * g,
    )  # fmt: skip
    if well_formed(data):
        check(data)
    else:
        with pytest.raises(ValueError, match=r"^(instruction|output|guard) \d"):
            check(data)


def well_formed(data):
    """The rules, one number at a time."""
    n = len(data.op)
    reads = [(v, 2 + n) for v in data.outputs]
    for k, op in enumerate(data.op):
        operands = (data.x[k], data.y[k])[: INSTRUCTIONS[op - 1].arity]
        reads += [(v, 2 + k) for v in operands]
    for k, at in enumerate(data.guard_at):
        reads += [(v, 2 + at) for v in (data.guard_x[k], data.guard_y[k])]
        if at > n or (data.guard_kind[k] >= COMPARISONS and data.guard_outcome[k] != 1):
            return False
    return all(-3 <= v < limit for v, limit in reads)
