"""The reference page of the elementals, read off their table.

``python docs/elementals.py FILE`` writes it, without FILE it is printed.
"""

import argparse
from pathlib import Path

from tapead.elementals import ROWS

HEAD = """\
# Elementals

Every function here takes a float, a NumPy array or a traced number, and answers to the ufunc that
is named, so `numpy.sin(x)` and `tapead.sin(x)` are one thing for a traced `x`. Partials are
expressions in the arguments `x` and `y` and the result `v`; *absent* is where there is no path.
Value and partials are smooth almost everywhere in the domain, which tests and benchmarks draw
from; the kink is where the [conventions](conventions.md) say what the derivative is.

| function | value | partials | domain | kink | ufunc |
|---|---|---|---|---|---|
"""


def page():
    """Markdown page with a line for every public row."""
    return HEAD + "".join(f"| {' | '.join(cells(row))} |\n" for row in ROWS if row.public)


def cells(row):
    """Cells of a row's line."""
    names = ", ".join(map(code, row.names))
    value = formula(row).replace("|", r"\|")
    partials = "<br>".join(
        f"∂/∂{arg} {code(p)}" for arg, p in zip(row.args, row.partials, strict=True)
    )
    domain = " × ".join(f"[{low:g}, {high:g}]" for low, high in row.domain)
    return names, value, partials, domain, code(row.kink), code(row.ufunc)


def formula(row):
    """The value as a person writes it."""
    return row.text.replace(":r}", "}").format(x="x", y="y")


def code(text):
    return f"`{text}`" if text else ""


def main():
    """Write the page to a file, or print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    path = parser.parse_args().file
    if path is None:
        print(page(), end="")
    else:
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
