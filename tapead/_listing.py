"""A Program as text, a line per instruction, and as a graph for Graphviz.

Values are v1, v2, ... in the order of the instructions; inputs have the names of the arguments.
"""

import re
import textwrap

import numpy as np

from tapead._code_data import ARITY
from tapead._expressions import TEXT, Formula
from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import INSTRUCTIONS

MOST_IN_DOT = 10_000  # nodes; Graphviz itself takes minutes above
WIDTH = 100  # columns that the outputs are folded to
MARK = 0x7FFC7AEA00000000  # bits of an adjoint that nothing reached

DOT_HEAD = [
    "digraph program {",
    "  rankdir=LR;",
    '  node [shape=box, style=rounded, fontname="DejaVu Sans", fontsize=11];',
    '  edge [fontname="DejaVu Sans", fontsize=9, color="#777777"];',
]


class Namer:
    """Formulas of the operands of `data`, its inputs called `names`.

    Parameters
    ----------
    data : CodeData
    names : None, str, or list of str
        One per input; a single one is followed by ``[0]``, ``[1]``, ... if there are several
        inputs; None is ``"x"``.
    """

    def __init__(self, data, names=None):
        self.data, self.n_inputs = data, data.n_inputs
        self.base = "x" if names is None else names
        if not isinstance(self.base, str) and len(self.base) != self.n_inputs:
            raise ValueError(f"expected {self.n_inputs} names, one per input; got {len(names)}")

    def name(self, value):
        """Name of an input or of an instruction's result."""
        if value >= self.n_inputs:
            return f"v{value - self.n_inputs + 1}"
        if not isinstance(self.base, str):
            return printable(self.base[value])
        return printable(self.base) + (f"[{value}]" if self.n_inputs > 1 else "")

    def formula(self, operand):
        """Name, or the number that a constant is."""
        operand = int(operand)
        if operand >= 0:
            return Formula(self.name(operand))
        constant = self.data.constants[-1 - operand]
        if constant.view(np.uint64) == MARK:
            return Formula("absent")
        return TEXT.number(float(constant))

    def instruction(self, k):
        """Formula of the result of instruction k."""
        row = INSTRUCTIONS[self.data.op[k] - 1]
        operands = (self.data.x[k], self.data.y[k])[: row.arity]
        return TEXT.apply(row, [self.formula(operand) for operand in operands]).text

    def guard(self, k):
        """What guard k tests, and how a comparison came out."""
        kind = self.data.guard_kind[k]
        slots = {
            name: _Operand(self.formula(operand))
            for name, operand in (("x", self.data.guard_x[k]), ("y", self.data.guard_y[k]))
        }
        outcome = f" is {bool(self.data.guard_outcome[k])}" if kind < COMPARISONS else ""
        return GUARDS[kind].text.format(**slots) + outcome

    def source(self, k):
        """File and line of guard k; empty if they are not known."""
        file, line, _ = self.data.sources[k]
        name = re.split(r"[/\\]", file)[-1]
        return printable(f"{name}:{line}") if name else ""


class _Operand:
    """What ``{x}`` stands for in a guard's text; ``{x:r}`` never needs brackets."""

    def __init__(self, formula):
        self.formula = formula

    def __format__(self, spec):
        return self.formula.text


def printable(text):
    """`text` without what could move a cursor; names may come from a file."""
    return "".join(character if character.isprintable() else "?" for character in text)


# -- text -------------------------------------------------------------------------------------


def listing(data, names=None, limit=None):
    """The lines that a program prints as.

    Parameters
    ----------
    data : CodeData
    names : None, str, or list of str
        Of the inputs, see `Namer`.
    limit : int or None
        Instructions and guards that are shown, half of them from each end; None is all.

    Returns
    -------
    str
    """
    if limit is not None and (not isinstance(limit, int) or limit < 2):
        raise ValueError(f"max_rows is None or an int of at least 2; got {limit!r}")
    namer = Namer(data, names)
    places = data.guard_at + np.arange(len(data.guard_at))  # lines that are guards
    n = len(data.op) + len(places)
    head = tail = n
    if limit is not None and limit < n:
        head, tail = limit - limit // 2, n - limit // 2
    width = len(f"v{len(data.op)}")
    lines = [_summary(data), *_lines(namer, places, 0, head, width)]
    if head < tail:
        lines.append(f"  {_omission(head, tail, places)}")
    lines += _lines(namer, places, tail, n, width)
    return "\n".join([*lines, *_outputs(namer, limit)])


def _summary(data):
    return (
        f"program: {_count(data.n_inputs, 'input')}, {_count(len(data.op), 'instruction')}, "
        f"{_count(len(data.guard_kind), 'guard')}, {_count(len(data.outputs), 'output')}"
    )


def _count(n, noun):
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _lines(namer, places, first, last, width):
    """Lines `first` to last - 1 of instructions and the guards between them."""
    guard = int(np.searchsorted(places, first))
    for line in range(first, last):
        if guard < len(places) and places[guard] == line:
            source = namer.source(guard)
            yield f"  guard {namer.guard(guard)}" + (f"   ({source})" if source else "")
            guard += 1
        else:
            k = line - guard
            yield f"  {f'v{k + 1}':<{width}} = {namer.instruction(k)}"


def _omission(head, tail, places):
    guards = int(np.searchsorted(places, tail) - np.searchsorted(places, head))
    among = f", {_count(guards, 'guard')} among them" if guards else ""
    return f"… {tail - head:,} more{among} …"


def _outputs(namer, limit):
    """The results, folded into lines."""
    outputs = namer.data.outputs
    if not len(outputs):
        return []
    shown = [namer.formula(output).text for output in outputs[:limit]]
    if limit is not None and limit < len(outputs):
        half = limit // 2
        tail = [namer.formula(output).text for output in outputs[len(outputs) - half :]]
        shown = [*shown[: limit - half], f"… {len(outputs) - limit:,} more …", *tail]
    title = "output: " if len(outputs) == 1 else "outputs: "
    # a name or a number is not broken
    lines = textwrap.wrap(
        ", ".join(text.replace(" ", "\0") for text in shown), WIDTH, initial_indent=title,
        subsequent_indent=" " * len(title), break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\0", " ") for line in lines]


# -- graph ------------------------------------------------------------------------------------


def to_dot(data, names=None):
    """The graph in Graphviz's language.

    Raises
    ------
    ValueError
        If there are more than `MOST_IN_DOT` inputs, instructions, guards and outputs.
    """
    n = data.n_inputs + len(data.op) + len(data.guard_kind) + len(data.outputs)
    if n > MOST_IN_DOT:
        raise ValueError(
            f"to_dot draws at most {MOST_IN_DOT:,} nodes; this program has {n:,} "
            "(print(program) shows head and tail)"
        )
    namer = Namer(data, names)
    lines = [*DOT_HEAD, *_input_nodes(namer), *_value_nodes(namer)]
    lines += [*_guard_nodes(namer), *_output_nodes(namer)]
    return "\n".join([*lines, "}", ""])


def _input_nodes(namer):
    for value in range(namer.n_inputs):
        yield _node(f"n{value}", namer.name(value), 'style=filled, fillcolor="#e8f0fe"')


def _value_nodes(namer):
    data = namer.data
    for k, op in enumerate(data.op.tolist()):
        value = namer.n_inputs + k
        yield _node(f"n{value}", f"{namer.name(value)} = {namer.instruction(k)}")
        yield from _edges((data.x[k], data.y[k])[: ARITY[op]], f"n{value}")


def _guard_nodes(namer):
    data = namer.data
    for k in range(len(data.guard_kind)):
        yield _node(f"g{k}", namer.guard(k), "shape=hexagon, style=dashed", namer.source(k))
        yield from _edges((data.guard_x[k], data.guard_y[k]), f"g{k}", " [style=dashed]")


def _output_nodes(namer):
    outputs = namer.data.outputs
    for k, output in enumerate(outputs):
        label = "output" if len(outputs) == 1 else f"output {k + 1}"
        constant = namer.formula(output).text if output < 0 else ""
        yield _node(f"y{k}", label, "penwidth=2", constant)
        yield from _edges((output,), f"y{k}")


def _node(node, label, attributes="", second=""):
    label = "\\n".join(_escape(text) for text in (label, second) if text)
    return f'  {node} [label="{label}"{attributes and ", " + attributes}];'


def _edges(operands, end, attributes=""):
    """Edges from the operands that are values; one used twice has one edge."""
    for operand in dict.fromkeys(int(operand) for operand in operands if operand >= 0):
        yield f"  n{operand} -> {end}{attributes};"


def _escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')
