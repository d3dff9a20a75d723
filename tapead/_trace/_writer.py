"""Formulas of a trace in one of its styles: terminal, ASCII, plain, TeX, HTML."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from tapead import _tape
from tapead._expressions import TEX, TEXT, Formula, Notation, adjoint_term, evaluate, parse
from tapead._trace import _names
from tapead.elementals import INSTRUCTIONS

BY_NAME = {row.name: row for row in INSTRUCTIONS}


class Style(NamedTuple):
    """How names are written; the notation says how operations are."""

    notation: Notation
    node: Callable  # of the mark ("", "bar", "dot") and the number
    input: Callable  # of the mark and the name
    finish: Callable = str


PLAIN = Style(TEXT, _names.plain_node, _names.unicode_input)
PRETTY = Style(TEXT, _names.unicode_node, _names.unicode_input)
ASCII = Style(TEXT, _names.ascii_node, _names.ascii_input, _names.to_ascii)
LATEX = Style(TEX, _names.tex_node, _names.tex_input)
HTML = Style(TEXT, _names.html_node, _names.html_input)
MARKDOWN = Style(TEXT, _names.unicode_node, _names.unicode_input, _names.to_markdown)


class Writer:
    """Writes the facts of a trace with `names` for inputs in one style."""

    def __init__(self, style, names):
        self.style, self.notation, self.names = style, style.notation, names

    def symbol(self, id, mark=""):
        """Name of a node, of its adjoint ("bar") or of its tangent ("dot")."""
        return self.style.finish(self._symbol(id, mark))

    def input(self, name, mark=""):
        """Name of an argument or of the result."""
        return self.style.finish(self.style.input(mark, name))

    def number(self, value):
        """A number as text."""
        return self.style.finish(self.notation.number(value).text)

    def primal(self, step):
        """Formula of a step's value."""
        if step.op:
            row = INSTRUCTIONS[step.op - 1]
            formula = self.notation.apply(row, self._operands(step)[: row.arity])
            return self.style.finish(formula.text)
        if step.id <= len(self.names):
            return self.input(self.names[step.id - 1])
        return self.number(step.value)

    def adjoint(self, increment):
        """Formula of an adjoint's running total."""
        if increment.operand < 0:
            return self.number(increment.total)
        term = self._term(increment.step, increment.operand, "bar", increment.step.id)
        if not increment.first:
            term = self.notation.total(Formula(self._symbol(increment.target, "bar")), term)
        return self.style.finish(term.text)

    def tangent(self, flow):
        """Formula of a tangent."""
        step = flow.step
        terms = [self._term(step, k, "dot", (step.x, step.y)[k]) for k in flow.operands]
        if not terms:
            return self.number(flow.value)
        return self.style.finish(functools.reduce(self.notation.total, terms).text)

    def partial(self, step, operand):
        """Formula of a partial."""
        one = self.notation.number(1.0)
        return self.style.finish(self._write_term(step, operand, one).text)

    def _symbol(self, id, mark):
        return self.style.node(mark, id - len(self.names))

    def _operands(self, step):
        pairs = (step.x, step.x_value), (step.y, step.y_value)
        return [Formula(self._symbol(i, "")) if i else self.notation.number(v) for i, v in pairs]

    def _term(self, step, operand, mark, factor):
        return self._write_term(step, operand, Formula(self._symbol(factor, mark)))

    def _write_term(self, step, operand, factor):
        x, y = self._operands(step)
        names = {"x": x, "y": y, "v": Formula(self._symbol(step.id, ""))}
        values = {"x": step.x_value, "y": step.y_value, "v": step.value}
        partial = parsed(INSTRUCTIONS[step.op - 1].partials[operand])
        return adjoint_term(
            partial, factor, names, lambda test: truth(test, values), BY_NAME, self.notation
        )


parsed = functools.cache(parse)


def truth(test, values):
    """A condition of the table at these values."""
    return evaluate(test, values, lambda name: getattr(_tape, name))
