"""Tables for a terminal."""

import shutil
import sys
import unicodedata

from tapead._trace._layout import Table
from tapead._trace._writer import ASCII, PRETTY

GAP = "   "  # between two traces
SYMBOLS = "v̄₋₁−×√"


def render(trace, ascii, max_rows, width):
    """Tables side by side if they fit `width` columns, else one below the other."""
    if width is None:
        width = shutil.get_terminal_size().columns
    table = Table(trace, ASCII if ascii else PRETTY, max_rows)
    sections = list(table.sections())
    lines = _side_by_side(table, sections, ascii)
    if max(map(columns, lines)) > width:
        lines = _stacked(table, sections, ascii, width)
    return "\n".join(line.rstrip() for line in lines)


def terminal_writes_unicode():
    """Whether the encoding of standard output has the signs of a trace."""
    try:
        SYMBOLS.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns(text):
    """Columns of a terminal that `text` takes; a combining mark takes none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _side_by_side(table, sections, ascii):
    parts = [_one_trace(table, sections, column, ascii, None) for column in table.columns]
    return [GAP.join(map(pad, line, map(_widest, parts))) for line in zip(*parts, strict=True)]


def _stacked(table, sections, ascii, width):
    lines = []
    for column in table.columns:
        trace = [
            section and [line for line in section if getattr(line, column[0])]
            for section in sections
        ]
        lines += [*_one_trace(table, trace, column, ascii, width), ""]
    return lines[:-1]


def _one_trace(table, sections, column, ascii, width):
    """Lines of one trace: title, and the sections between rules."""
    field, title, arrow = column
    cells = [section and [getattr(line, field) for line in section] for section in sections]
    if ascii:
        cells = [section and [_ascii_signs(cell) for cell in section] for section in cells]
    widths = _cell_widths([c for section in cells for c in section or () if c], width)
    gap = [f"{':' if ascii else '⋮'}  {table.omission}"]
    blocks = [gap if section is None else [_join(c, widths) for c in section] for section in cells]
    blocks = [block for block in blocks if block]
    title = f"{title} {'(down)' if arrow == '↓' else '(up)'}" if ascii else f"{title} {arrow}"
    widest = max(columns(line) for block in blocks for line in block)
    rule = ("-" if ascii else "─") * max(widest, columns(title))
    lines = [title]
    for block, section in zip(blocks, [s for s in cells if s is None or s], strict=True):
        lines += block if section is None or lines[-1:] == gap else [rule, *block]
    return lines


def _cell_widths(cells, width):
    """Columns for what a cell holds; formulas give way where `width` is short."""
    names, formulas, values, relations, results = (
        max((columns(cell[k]) for cell in cells), default=0) for k in range(5)
    )
    if width is not None:
        formulas = max(8, min(formulas, width - names - values - relations - results - 4))
    return names, formulas, values, relations, results


def _join(cell, widths):
    """A cell as aligned text; the formula stands where the value would if it is the value."""
    if cell is None:
        return ""
    name, formula, _, relation, result = widths
    text = f"{pad(cell.name, name)} {cell.relation:>{relation}} "
    if not formula:
        return text + cell.value
    if not cell.formula:
        return text + pad(cell.value, formula)
    text += pad(_clip(cell.formula, formula), formula)
    return f"{text} {cell.result:>{result}} {cell.value}"


def _ascii_signs(cell):
    return cell and cell._replace(result="->" if cell.result == "→" else cell.result)


def pad(text, width):
    """`text` and spaces up to `width` columns."""
    return text + " " * (width - columns(text))


def _clip(text, width):
    """`text`, its end replaced by dots if it is wider than `width`."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 3:
        text = text[:-1]
    return text + "..."


def _widest(lines):
    return max(map(columns, lines))
