"""A page to step through a trace: one file of HTML, which needs nothing else.

Without JavaScript it shows everything. Texts reach it escaped, or as JSON that no tag can end; its
policy lets no other script run and nothing be fetched.
"""

import base64
import hashlib
import html
import importlib.resources
import json
import re

from tapead._trace import _svg
from tapead._trace._steps import Story
from tapead._version import __version__

FIELD = re.compile(r"\{\{(\w+)\}\}")
ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "&<>\u2028\u2029"})
SECTION = '<section class="graph" aria-label="Graph" tabindex="0">\n{}</section>'
HEADS = "<thead><tr>{}</tr></thead>".format(
    "".join(
        f'<th scope="col"><span class="unseen">{head}</span></th>'
        for head in ("Name", "Formula", "Value")
    )
)
NO_GRAPH = "<p>The graph is left out: this trace has {:,} nodes, and at most {:,} are drawn.</p>"


def page(trace, max_rows):
    """The text of the page."""
    story = Story(trace, max_rows)
    script, style = _read("_page.js"), _read("_page.css")
    steps = json.dumps([step._asdict() for step in story.steps], ensure_ascii=False)
    fields = {
        "name": html.escape(trace._name),
        "summary": html.escape(_summary(trace, story)),
        "version": html.escape(__version__),
        "last": str(len(story.steps)),
        "graph": _graph(trace, story),
        "tables": "\n".join(_table(story, column) for column in story.table.columns),
        "steps": steps.translate(ESCAPES),
        "script": script,
        "style": style,
        "script_digest": _digest(script),
        "style_digest": _digest(style),
    }
    return FIELD.sub(lambda found: fields[found[1]], _read("_page.html"))


def _read(name):
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _summary(trace, story):
    """What was computed, in a line."""
    values = ", ".join(
        f"{name} = {story.writer.number(value)}" for name, value in list(trace.inputs.items())[:8]
    )
    more = ", …" * (len(trace._names) > 8)
    return f"{story.result.name} = {story.result.value}" + f" at {values}{more}" * bool(values)


def _graph(trace, story):
    """The drawing, with room for every total that a box will show; words if it is too large."""
    n = len(trace._tape)
    if n == 0:
        return ""
    if n > _svg.MOST:
        return NO_GRAPH.format(n, _svg.MOST)
    room = {}
    for step in story.steps:
        room.setdefault(step.node, []).append(step.adjoint)
    return SECTION.format(_svg.draw(trace, room))


def _table(story, column):
    """One of the tables; all have the same lines, so that they can stand side by side."""
    field, title, arrow = column
    numbers, place, parts = story.up if field == "adjoint" else story.down, 0, []
    for section in story.sections:
        rows = []
        for line in [None] if section is None else section:
            cell = None if line is None else getattr(line, field)
            number, place = numbers.get(place), place + 1
            rows.append(_row(cell, number, line.source) if line else _gap(story, number))
        parts += ["<tbody>", *rows, "</tbody>"] * bool(rows)
    return "\n".join([
        f'<div class="table {field}" tabindex="0" role="region" aria-label="{title}">',
        f"<table><caption>{title} {arrow}</caption>",
        HEADS,
        *parts, "</table>", "</div>",
    ])  # fmt: skip


def _gap(story, number):
    return f'<tr data-step="{number}"><td colspan="3">⋮ {story.table.omission}</td></tr>'


def _row(cell, number, source):
    if cell is None:
        return '<tr class="blank" aria-hidden="true"><td colspan="3"></td></tr>'
    title = f' title="{html.escape(source)}"' if source else ""
    name, formula, value = map(html.escape, cell[:3])
    value = f'<span class="told">{cell.result} {value}</span>'
    cells = f"<td>{cell.relation} {formula}</td><td>{value}</td>"
    if not formula:
        cells = f'<td colspan="2">{value}</td>'
    return f'<tr data-step="{number}"{title}><th scope="row">{name}</th>{cells}</tr>'
