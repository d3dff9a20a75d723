"""The computational graph of a trace: for Graphviz, and what a drawing of it needs."""

from typing import NamedTuple

from tapead._trace import _facts
from tapead._trace._array_facts import ArrayStep
from tapead._trace._writer import PRETTY, Writer

MOST_IN_DOT = 10_000  # nodes; Graphviz itself takes minutes above


class Box(NamedTuple):
    """A node: its place on the tape, its lines of text, and what it is."""

    id: int
    formula: str
    value: str
    adjoint: str  # empty where the adjoint did not arrive
    kind: str  # "input", "step" or "result"


class Edge(NamedTuple):
    """An operand: from node to node, the value of the partial, whether there is a path at all."""

    start: int
    end: int
    label: str
    path: bool


def graph(trace, most, what):
    """Boxes and edges of a trace of at most `most` nodes.

    Raises
    ------
    ValueError
        If there are more.
    """
    if len(trace._tape) > most:
        raise ValueError(
            f"{what} draws at most {most:,} nodes; this trace has {len(trace._tape):,} "
            "(to_text shows head and tail, to_csv everything)"
        )
    writer = Writer(PRETTY, trace)
    steps = list(_facts.steps(trace._tape, 1, len(trace._tape) + 1))
    edges = [edge for step in steps for edge in _edges(step, writer)]
    return [_box(trace, step, writer) for step in steps], edges


def _box(trace, step, writer):
    bar = trace._bar(step.id)
    adjoint = ""
    if bar is not None:
        adjoint = f"{writer.symbol(step.id, 'bar')} = {writer.number(bar)}"
    kind = "step" if step.op else "input"
    return Box(
        step.id, f"{writer.symbol(step.id)} = {writer.primal(step)}",
        writer.number(step.value) + writer.kind(step.value),
        adjoint, "result" if step.id == trace._result else kind,
    )  # fmt: skip


def _edges(step, writer):
    """Edges into a step; an operand used twice has one edge with both partials."""
    if isinstance(step, ArrayStep):
        return [Edge(id, step.id, "", True) for id in dict(step.operands) if id]
    operands = (step.x, step.x_path, step.px), (step.y, step.y_path, step.py)
    labels = {}
    for id, path, partial in operands:
        if id:
            number = writer.number(float(f"{partial:.4g}")) if path else ""
            labels.setdefault(id, []).append(number)
    return [
        Edge(id, step.id, ", ".join(filter(None, both)), any(both)) for id, both in labels.items()
    ]


def dot(trace):
    """The graph in Graphviz's language."""
    boxes, edges = graph(trace, MOST_IN_DOT, "to_dot")
    lines = [
        "digraph trace {",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="DejaVu Sans", fontsize=11];',
        '  edge [fontname="DejaVu Sans", fontsize=9, color="#777777"];',
    ]
    shapes = {"input": ', style=filled, fillcolor="#e8f0fe"', "result": ", penwidth=2", "step": ""}
    for box in boxes:
        label = "\\n".join(_escape(t) for t in (box.formula, f"= {box.value}", box.adjoint) if t)
        lines.append(f'  n{box.id} [label="{label}"{shapes[box.kind]}];')
    for edge in edges:
        style = "" if edge.path else ", style=dashed"
        lines.append(f'  n{edge.start} -> n{edge.end} [label="{_escape(edge.label)}"{style}];')
    return "\n".join([*lines, "}", ""])


def _escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')
