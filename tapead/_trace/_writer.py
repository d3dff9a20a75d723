"""Formulas of a trace in one of its styles: terminal, ASCII, plain, TeX, HTML."""

import functools
import html
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tapead import _tape
from tapead._expressions import TEX, TEXT, Formula, Notation, adjoint_term, evaluate
from tapead._trace import _names
from tapead._trace._array_facts import ArrayStep
from tapead._trace._array_writer import BY_NAME, ArrayWriter, parsed
from tapead._trace._values import kind_of
from tapead.elementals import INSTRUCTIONS


class Style(NamedTuple):
    """How names are written; the notation says how operations are."""

    notation: Notation
    node: Callable  # of the mark ("", "bar", "dot") and the number
    input: Callable  # of the mark and the name
    finish: Callable = str
    words: Callable = str  # what stands between the names of a formula on arrays


PLAIN = Style(TEXT, _names.plain_node, _names.unicode_input)
PRETTY = Style(TEXT, _names.unicode_node, _names.unicode_input)
ASCII = Style(TEXT, _names.ascii_node, _names.ascii_input, _names.to_ascii)
LATEX = Style(TEX, _names.tex_node, _names.tex_input, words=_names.tex_words)
HTML = Style(TEXT, _names.html_node, _names.html_input, words=html.escape)
MARKDOWN = Style(TEXT, _names.unicode_node, _names.unicode_input, _names.to_markdown)


class Writer:
    """Writes the facts of a trace in one style."""

    def __init__(self, style, trace):
        self.style, self.notation, self.names = style, style.notation, trace._names
        self.is_array, self.arrays = trace._is_array, ArrayWriter(self)

    def symbol(self, id, mark=""):
        """Name of a node, of its adjoint ("bar") or of its tangent ("dot")."""
        return self.style.finish(self.node(id, mark))

    def node(self, id, mark=""):
        """The same before it is finished."""
        letter = "V" if self.is_array(id) else "v"
        return self.style.node(mark, id - len(self.names), letter)

    def formula(self, id, mark=""):
        """What stands for a node, its adjoint or its tangent in a formula: its name."""
        return Formula(self.node(id, mark))

    def input(self, name, mark=""):
        """Name of an argument or of the result."""
        return self.style.finish(self.style.input(mark, name))

    def number(self, value):
        """A number as text, or an array or several in short."""
        if isinstance(value, np.ndarray | tuple):
            return self.style.finish(self.arrays.array(value))
        return self.style.finish(self.notation.number(value).text)

    def kind(self, value):
        """dtype and shape of an array, to stand behind its value; nothing for a number."""
        return self.style.finish(self.style.words(f" {kind_of(value)}".rstrip()))

    def primal(self, step):
        """Formula of a step's value."""
        if isinstance(step, ArrayStep):
            return self.style.finish(self.arrays.primal(step).text)
        if step.op:
            row = INSTRUCTIONS[step.op - 1]
            formula = self.notation.apply(row, self._operands(step)[: row.arity])
            return self.style.finish(formula.text)
        if step.id <= len(self.names):
            return self.input(self.names[step.id - 1])
        return self.number(step.value)

    def adjoint(self, increment):
        """Formula of an adjoint's running total; of an array's, what is added to it."""
        if increment.operand == -1:
            return self.number(increment.total)
        if isinstance(increment.step, ArrayStep):
            terms = [self.arrays.term(increment.step, k) for k in increment.operand]
            term = self.arrays.total(terms)
        else:
            term = self._term(increment.step, increment.operand, "bar", increment.step.id)
        if not increment.first and not self.adds(increment):
            term = self.notation.total(self.formula(increment.target, "bar"), term)
        return self.style.finish(term.text)

    def adds(self, increment):
        """Whether a contribution is written as one, ``+=``: that to an array is."""
        return increment.operand != -1 and self.is_array(increment.target)

    def target(self, increment):
        """Name of the adjoint that a contribution is made to, or of the part that gets it."""
        if self.adds(increment):
            return self.style.finish(self.arrays.target(increment.step, increment.target).text)
        return self.symbol(increment.target, "bar")

    def tangent(self, flow):
        """Formula of a tangent."""
        step = flow.step
        if isinstance(step, ArrayStep):
            return self._array_tangent(step, flow)
        terms = [self._term(step, k, "dot", (step.x, step.y)[k]) for k in flow.operands]
        if not terms:
            return self.number(flow.value)
        return self.style.finish(functools.reduce(self.notation.total, terms).text)

    def _array_tangent(self, step, flow):
        if not flow.operands:
            return self.number(flow.value)
        if step.kind in ("elemental", "primitive"):
            terms = [self.arrays.tangent(step, k) for k in flow.operands]
            term = self.arrays.total(terms)
        else:
            term = self.arrays.moved_tangent(step, flow.operands)
        return self.style.finish(term.text)

    def partial(self, step, operand):
        """Formula of a partial."""
        one = self.notation.number(1.0)
        return self.style.finish(self._write_term(step, operand, one).text)

    def _operands(self, step):
        pairs = (step.x, step.x_value), (step.y, step.y_value)
        return [self.formula(i) if i else self.notation.number(v) for i, v in pairs]

    def _term(self, step, operand, mark, factor):
        return self._write_term(step, operand, self.formula(factor, mark))

    def _write_term(self, step, operand, factor):
        x, y = self._operands(step)
        names = {"x": x, "y": y, "v": self.formula(step.id)}
        values = {"x": step.x_value, "y": step.y_value, "v": step.value}
        partial = parsed(INSTRUCTIONS[step.op - 1].partials[operand])
        return adjoint_term(
            partial, factor, names, lambda test: truth(test, values), BY_NAME, self.notation
        )


def truth(test, values):
    """A condition of the table at these values."""
    return evaluate(test, values, lambda name: getattr(_tape, name))
