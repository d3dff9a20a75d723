"""The file of a Program: what `save` writes and `load` reads, without pickle.

Everything is little-endian and stands without gaps, in this order::

    bytes        what
    8            magic: 0x93 "TAPEAD" 0x0A
    4            version of the format, uint32: 1
    4            flags, uint32: 0
    8            length of the whole file, uint64
    48           six lengths, uint64: inputs, instructions n, constants c, outputs m, guards g,
                 and bytes of the text h
    8 c          constants, float64
    16 g         values of x and y of each guard when the program was recorded, float64
    4 n, 4 n     operands x and y of each instruction, int32 (see `_code_data`)
    4 m          outputs, int32
    4 g, 4 g     operands x and y of each guard, int32
    4 g          the instruction that each guard is taken before, int32
    4 g          the source of each guard, int32: a place in the text's "sources"
    n            operations, uint8: places in the text's "operations"
    g            kinds of guards, uint8: places in the text's "guards"
    g            outcomes of guards, uint8
    h            text: a JSON object in ASCII
    32           SHA-256 of everything before

The text has "tapead" (the version that wrote the file), "operations" and "guards" (the names of
those that the program uses, so that their numbers may change from version to version), "sources"
(a list of [file, line, function]) and "header" (what the caller keeps beside the instructions).

The checksum finds damage, not intent: whoever writes a file can write its checksum. Therefore the
lengths are compared with the length of the file before anything is allocated, names are looked up,
and what results passes `_code_data.check`.
"""

import hashlib
import json
import os
import secrets
import stat
import struct
from contextlib import suppress

import numpy as np

from tapead._code_data import MOST, CodeData, check
from tapead._guards import GUARDS
from tapead._version import __version__
from tapead.elementals import INSTRUCTIONS, OPCODES

MAGIC = b"\x93TAPEAD\n"
VERSION = 1
PREFIX = struct.Struct("<8sII7Q")
CHECKSUM = hashlib.sha256().digest_size
PIECE = 1 << 24  # bytes read from a stream at a time: its length is only a claim

KINDS = {guard.name: kind for kind, guard in enumerate(GUARDS)}


class _Lengths:
    """Bytes of each array, in the file's order, from the counts in the prefix."""

    def __init__(self, n, c, m, g):
        self.arrays = {
            "constants": ("<f8", c), "guard_values": ("<f8", 2 * g), "x": ("<i4", n),
            "y": ("<i4", n), "outputs": ("<i4", m), "guard_x": ("<i4", g), "guard_y": ("<i4", g),
            "guard_at": ("<i4", g), "guard_source": ("<i4", g), "op": ("<u1", n),
            "guard_kind": ("<u1", g), "guard_outcome": ("<u1", g),
        }  # fmt: skip

    @property
    def total(self):
        return sum(int(dtype[-1]) * count for dtype, count in self.arrays.values())


# -- writing ----------------------------------------------------------------------------------


def dump(data, header):
    """The file's bytes.

    Parameters
    ----------
    data : CodeData
    header : dict
        Whatever JSON can hold; `load` gives it back.

    Raises
    ------
    ValueError
        If `data` does not pass `check`.
    TypeError
        If JSON cannot hold `header`.
    """
    check(data)
    op, operations = _named(data.op, [None, *(row.name for row in INSTRUCTIONS)])
    kinds, guards = _named(data.guard_kind, [guard.name for guard in GUARDS])
    sources = {}
    places = [sources.setdefault(source, len(sources)) for source in data.sources]
    arrays = data._asdict() | {
        "op": op, "guard_kind": kinds, "guard_source": np.array(places, np.int32),
    }  # fmt: skip
    text = json.dumps({
        "tapead": __version__, "operations": operations, "guards": guards,
        "sources": list(sources), "header": header,
    }, separators=(",", ":")).encode("ascii")  # fmt: skip
    counts = len(op), len(data.constants), len(data.outputs), len(kinds)
    lengths = _Lengths(*counts)
    total = PREFIX.size + lengths.total + len(text) + CHECKSUM
    parts = [PREFIX.pack(MAGIC, VERSION, 0, total, data.n_inputs, *counts, len(text))]
    parts += [arrays[name].astype(dtype).tobytes() for name, (dtype, _) in lengths.arrays.items()]
    content = b"".join([*parts, text])
    return content + hashlib.sha256(content).digest()


def _named(numbers, names):
    """Places in the list of the names that are used, and that list."""
    used = np.unique(numbers)
    table = np.zeros(256, np.uint8)
    table[used] = np.arange(len(used))
    return table[numbers], [names[number] for number in used]


def write(target, content):
    """Write `content` to a path, wholly or not at all, or to a binary file object."""
    if hasattr(target, "write"):
        target.write(content)
        return
    path = os.path.realpath(os.fsdecode(target))
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe or a device stays one
        with open(path, "wb") as file:
            file.write(content)
        return
    _replace(path, content)


def _replace(path, content):
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a new file has none to keep
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


# -- reading ----------------------------------------------------------------------------------


def load(source):
    """What `dump` was given.

    Parameters
    ----------
    source : bytes-like, path-like or binary file object
        A file object holds nothing after the program.

    Returns
    -------
    data : CodeData
    header : dict

    Raises
    ------
    ValueError
        If it is not a tapead program, or a damaged one, or one that this tapead cannot run.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _load("the data", bytes(source))
    if hasattr(source, "read"):
        return _load(str(getattr(source, "name", "the stream")), _read(source))
    path = os.fspath(source)
    with open(path, "rb") as file:
        return _load(os.fsdecode(path), _read(file))


def _read(file):
    """A prefix, as many bytes as it announces, and one more if there are more."""
    content = _read_up_to(file, PREFIX.size)
    if len(content) == PREFIX.size and content.startswith(MAGIC):
        content += _read_up_to(file, PREFIX.unpack(content)[3] - PREFIX.size + 1)
    return content


def _read_up_to(file, n):
    parts = []
    while n > 0:
        part = file.read(min(n, PIECE))
        if not isinstance(part, bytes):
            raise TypeError(f"a binary file object gives bytes; got {type(part).__name__}")
        if not part:
            break
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def _load(name, content):
    try:
        counts = _counts(content)
        text_at = len(content) - CHECKSUM - counts[-1]
        text = _text(content[text_at:-CHECKSUM])
        data = _data(content, counts, text)
    except _ForeignError as error:
        raise ValueError(f"{name} is not a tapead program: {error}") from None
    except _VersionError as error:
        raise ValueError(f"{name} {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is a tapead program, but it is damaged: {error}") from None
    return data, text["header"]


class _ForeignError(ValueError):
    pass


class _VersionError(ValueError):
    pass


def _counts(content):
    """The six lengths, after everything that can be checked without reading further."""
    if not content.startswith(MAGIC):
        raise _ForeignError(f"it begins with {content[:8]!r}" if content else "it is empty")
    if len(content) < PREFIX.size:
        raise ValueError(f"it ends after {len(content)} bytes, within its prefix")
    _, version, flags, total, *counts = PREFIX.unpack_from(content)
    if version != VERSION:
        raise _VersionError(
            f"has format {version}; this tapead, {__version__}, reads format {VERSION}"
        )
    if total != len(content):
        raise ValueError(f"it says that it has {total} bytes; it has {_more(content, total)}")
    n_text = counts[-1]
    wanted = PREFIX.size + _Lengths(*counts[1:5]).total + n_text + CHECKSUM
    if wanted != total or max(counts) > MOST or flags:
        raise ValueError("its lengths contradict each other")
    body = memoryview(content)[:-CHECKSUM]
    if hashlib.sha256(body).digest() != content[-CHECKSUM:]:
        raise ValueError("its checksum is wrong")
    return counts


def _more(content, total):
    """Length of the content in words; a stream was read no further than one byte too many."""
    return f"{len(content)}" if len(content) < total else "more"


def _text(text):
    """The JSON object, its fields of the right types."""
    try:
        text = json.loads(text.decode("ascii"))
    except ValueError as error:
        raise ValueError(f"its text cannot be read ({error})") from None
    wanted = {"tapead": str, "operations": list, "guards": list, "sources": list, "header": dict}
    if type(text) is not dict or text.keys() != wanted.keys():
        raise ValueError("its text is not the one of a program")
    for field, kind in wanted.items():
        if type(text[field]) is not kind:
            raise ValueError(f"its text has a {type(text[field]).__name__} as {field!r}")
    return text


def _data(content, counts, text):
    arrays, at = {}, PREFIX.size
    for name, (dtype, count) in _Lengths(*counts[1:5]).arrays.items():
        array = np.frombuffer(content, dtype, count, at)
        arrays[name] = array.astype(array.dtype.newbyteorder("="))
        at += array.nbytes
    places = arrays.pop("guard_source")
    arrays["op"] = _numbers(arrays["op"], text, "operations", OPCODES)
    arrays["guard_kind"] = _numbers(arrays["guard_kind"], text, "guards", KINDS)
    arrays["guard_values"] = arrays["guard_values"].reshape(-1, 2)
    sources = [tuple(s) if type(s) is list else s for s in text["sources"]]
    if not ((places >= 0) & (places < len(sources))).all():
        raise ValueError("a guard has a source that is not there")
    taken = tuple(sources[place] for place in places.tolist())
    data = CodeData(n_inputs=counts[0], sources=taken, **arrays)
    check(data)
    return data


def _numbers(places, text, field, known):
    """This version's numbers of what the file has by name."""
    names = text[field]
    if not all(type(name) is str for name in names) or len(names) > 256:
        raise ValueError(f"its {field} are not names")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise _VersionError(
            f"uses {field} that this tapead, {__version__}, does not know: "
            f"{', '.join(map(repr, unknown[:5]))}; it was written by tapead {text['tapead'][:20]!r}"
        )
    if places.size and int(places.max()) >= len(names):
        raise ValueError(f"it refers to more {field} than it names")
    return np.array([known[name] for name in names] or [0], np.uint8)[places]
