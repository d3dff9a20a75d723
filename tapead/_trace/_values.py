"""Values of arrays as a trace shows them: small ones whole, of larger ones head and tail."""

import itertools

import numpy as np

from tapead._array import marks_of
from tapead._expressions import TEXT

SHOWN = 6  # elements of an array that is shown whole
ENDS = 2  # elements shown from each end of a larger one
DIGITS = 4


def number_text(value):
    """A number or an array as a row shows it."""
    if isinstance(value, np.ndarray | tuple):
        return array_text(value, lambda x: TEXT.number(x).text)
    return TEXT.number(value).text


def array_text(value, number):
    """An array in brackets; `number` writes an element, a dot stands for what is absent."""
    if value is None:
        return "·"
    if isinstance(value, tuple):
        return f"({', '.join(array_text(part, number) for part in value)})"
    if not isinstance(value, np.ndarray):
        return number(value)
    if value.size <= SHOWN:
        return _nested(value.tolist(), _absent(value).tolist(), number)
    flat, absent = _ends(value)
    head, tail = (_items(flat[part], absent[part], number) for part in _parts(flat))
    return f"[{head}, …, {tail}]"


def array_tex(value, number):
    """The same in TeX; small matrices as such."""
    if value is None:
        return r"\cdot"
    if isinstance(value, tuple):
        inside = r",\ ".join(array_tex(part, number) for part in value)
        return rf"\left({inside}\right)"
    if isinstance(value, np.ndarray) and value.ndim == 2 and 0 < value.size <= SHOWN:
        rows = zip(value.tolist(), _absent(value).tolist(), strict=True)
        inside = r" \\ ".join(_items(row, absent, number, " & ") for row, absent in rows)
        text = rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}"
    else:
        text = array_text(value, number)
    for sign, spelled in (", ", r",\ "), ("…", r"\dots"), ("·", r"\cdot"):
        text = text.replace(sign, spelled)
    return text


def kind_of(value):
    """dtype and shape: ``float64(2, 3)``."""
    return f"{value.dtype}{tuple(value.shape)}" if isinstance(value, np.ndarray) else ""


def without_marks(value):
    """A number or an array with 0 where an element is absent."""
    if not isinstance(value, np.ndarray):
        return value
    return np.where(_absent(value), value.dtype.type(0), value)


def is_finite(value):
    """Whether all that is there is finite; None and what is absent are not there."""
    if isinstance(value, tuple):
        return all(map(is_finite, value))
    return value is None or bool(np.isfinite(without_marks(value)).all())


def is_whole(value):
    """Whether this is one number or array, and no element is absent."""
    return not isinstance(value, tuple) and not (
        isinstance(value, np.ndarray) and _absent(value).any()
    )


def unshared(value):
    """A number, or an array that the caller may write to."""
    return value.copy() if isinstance(value, np.ndarray) else value


def rounded(x):
    """An element with the digits that are shown."""
    return float(f"{x:.{DIGITS}g}")


def plain(value):
    """Numbers and nested lists of them; None where an element is absent."""
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if not isinstance(value, np.ndarray):
        return value
    return _plain_items(value.tolist(), _absent(value).tolist())


def _plain_items(items, absent):
    if not isinstance(items, list):
        return None if absent else items
    return [_plain_items(*pair) for pair in zip(items, absent, strict=True)]


def _absent(value):
    if value.dtype.kind != "f" or value.dtype.itemsize not in (4, 8):
        return np.zeros(value.shape, dtype=bool)
    return np.asarray(marks_of(np.ascontiguousarray(value))).reshape(value.shape)


def _ends(value):
    """The first and last elements, and which are absent; the others are not looked at."""
    items = np.array([*itertools.islice(value.flat, ENDS), *value.flat[value.size - ENDS :]])
    return items.tolist(), _absent(items.astype(value.dtype)).tolist()


def _parts(flat):
    return slice(0, ENDS), slice(len(flat) - ENDS, None)


def _items(items, absent, number, between=", "):
    pairs = zip(items, absent, strict=True)
    return between.join("·" if gone else number(rounded(x)) for x, gone in pairs)


def _nested(items, absent, number):
    if not isinstance(items, list):
        return "·" if absent else number(rounded(items))
    return f"[{', '.join(_nested(*pair, number) for pair in zip(items, absent, strict=True))}]"
