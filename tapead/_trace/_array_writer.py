"""Formulas of operations on arrays, in the matrix form of their rules."""

import ast
import functools
import re
import unicodedata

import numpy as np

from tapead import _tape
from tapead._expressions import TERM, Formula, Notation, adjoint_term, evaluate, parse
from tapead._trace import _windows
from tapead._trace._values import SHOWN, array_tex, array_text
from tapead.elementals import INSTRUCTIONS

BY_NAME = {row.name: row for row in INSTRUCTIONS}
COMPARED = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠"}
CASES = 0  # binding strength of a formula with conditions
STAND_IN = re.compile(r"(?<![A-Za-z])([XYZxyz])(\u0304?)(?![A-Za-z])")  # in texts of adjoints
parsed = functools.cache(parse)


class Number(Formula):
    """Formula of a number among arrays."""

    __slots__ = ()


class Elementwise(Notation):
    """How formulas on arrays are written: products of elements have a sign of their own."""

    __slots__ = ()

    def product(self, left, right):
        """Formula of a product."""
        signed = left.unsigned or right.unsigned or right.value == 1
        if signed or _is_number(left) or _is_number(right):
            return super().product(left, right)
        ring = r" \circ " if self.field == "tex" else " ∘ "
        return Formula(f"{self.bracket(left, TERM)}{ring}{self.bracket(right, TERM)}", TERM)


def _is_number(formula):
    return isinstance(formula, Number) or formula.value is not None


class ArrayWriter:
    """Writes what a step on arrays does, for a Writer in its style."""

    def __init__(self, writer):
        self.writer, self.words = writer, writer.style.words
        self.notation = Elementwise(*writer.notation)

    def primal(self, step):
        """Formula of a step's value."""
        return getattr(self, f"_{step.kind}")(step, self._operands(step))

    def term(self, step, operand):
        """What the adjoint of an operand gets from that of the step's result."""
        bar = self._symbol(step.id, "bar")
        match step.kind:
            case "elemental":
                term = self._elemental_term(step, operand, bar)
                return self._summed(term, step, self._shape_of(step, operand))
            case "primitive" if step.name == "scatter":
                return self._join(bar, _index_of(step))
            case "primitive" if step.name != "gather":
                return self._primitive_term(step, operand)
            case "write":
                return self._write_term(step, operand, bar)
            case "stack":
                return self._join(bar, self._place_text(operand, step.facts["shape"]))
        return bar

    def target(self, step, target):
        """Which part of the adjoint of `target` a contribution of the step is added to."""
        bar = self._symbol(target, "bar")
        if step.name == "gather":
            return self._join(bar, _index_of(step))
        if step.kind in ("window", "element", "part"):
            return getattr(self, f"_{step.kind}")(step, [bar])
        return bar

    def tangent(self, step, operand):
        """What the tangent of a result gets from that of an operand."""
        id = step.operands[operand][0]
        dot = self._symbol(id, "dot")
        if step.kind == "elemental":
            return self._elemental_term(step, operand, dot)
        primitive = step.facts["primitive"]
        if primitive.pushforward is None:
            return self.moved_tangent(step, (operand,))
        return self._join(f"pushforward of {primitive.name} along ", dot)

    def moved_tangent(self, step, operands):
        """The formula of the value, linear in `operands`, with their tangents in their place."""
        names = self._operands(step)
        for operand, (id, _) in enumerate(step.operands):
            if operand in operands:
                names[operand] = self._symbol(id, "dot")
            elif step.kind in ("write", "stack"):
                names[operand] = self._join("0")
        return getattr(self, f"_{step.kind}")(step, names)

    # Names of things.

    def _symbol(self, id, mark=""):
        formula = self.writer.formula(id, mark)
        return formula if self.writer.is_array(id) else Number(*formula)

    def _operands(self, step):
        return [
            self._symbol(id) if id else self._constant(constant) for id, constant in step.operands
        ]

    def _constant(self, x):
        if isinstance(x, float | int):
            return self.notation.number(float(x))
        if isinstance(x, np.ndarray) and x.size <= SHOWN:
            return Formula(self.array(x))
        return self._join(f"const{tuple(getattr(x, 'shape', ())) or ''}")

    def array(self, x):
        """Text of the elements of an array, or of several."""
        spelled = array_tex if self.notation.field == "tex" else array_text
        return spelled(x, lambda number: self.notation.number(number).text)

    def _join(self, *parts):
        """Formulas and the words between them."""
        return Formula("".join(p.text if isinstance(p, Formula) else self.words(p) for p in parts))

    def _call(self, name, arguments, params=()):
        parts = [part for argument in arguments for part in (", ", argument)][1:]
        params = [f"{key}={_param(value)}" for key, value in params]
        between = ", " if parts and params else ""
        return self._join(f"{name}(", *parts, f"{between}{', '.join(params)})")

    def _shape_of(self, step, operand):
        """Shape of an operand that is an array, None of a number."""
        if not self.writer.is_array(step.operands[operand][0]):
            return None
        return np.shape(step.operand_value(operand))

    # Formulas of values, by kind.

    def _input(self, step, names):
        if step.id <= len(self.writer.names):
            return Formula(self.writer.style.input("", self.writer.names[step.id - 1]))
        return Formula(self.array(step.value))

    def _copy(self, step, names):
        return names[0]

    def _elemental(self, step, names):
        row = INSTRUCTIONS[step.facts["op"] - 1]
        if row.name == "multiply" and not any(map(_is_number, names)):
            return self.notation.product(*names)
        return self.notation.apply(row, names)

    def _primitive(self, step, names):
        name, params = step.name, step.facts["params"]
        if name == "matmul":
            return self._join(names[0], " @ ", names[1])
        if name == "gather":
            return self._join(names[0], _index_of(step))
        kept = [(k, v) for k, v in params.items() if not _is_default(k, v)]
        if len(names) > SHOWN:
            names = [*names[:2], self._join("…"), names[-1]]
        return self._call(name, names, kept)

    def _part(self, step, names):
        return self._join(names[0], f"[{step.facts['part']}]")

    def _window(self, step, names):
        around = _windows.written(step.facts["window"])
        before, behind = around or ("view of ", "")
        return self._join(before, names[0], behind)

    def _element(self, step, names):
        index = _windows.index_of(step.facts["window"]) or ()
        return self._join(names[0], _windows.index_text(index) or "[()]")

    def _write(self, step, names):
        return self._join(names[0], f" with {_written_to(step)} := ", names[1])

    def _stack(self, step, names):
        if len(names) > SHOWN:
            names = [*names[:2], self._join("…"), names[-1]]
        parts = [part for name in names for part in (", ", name)][1:]
        return self._join("[", *parts, "]")

    def _place_text(self, operand, shape):
        return f"[{', '.join(str(int(i)) for i in np.unravel_index(operand, shape))}]"

    # Adjoints and tangents.

    def _write_term(self, step, operand, bar):
        if operand == 0:
            return self._join(bar, f" outside {_written_to(step)}")
        part = self._join(bar, _written_to(step))
        id = step.operands[1][0]
        size = np.size(step.operand_value(1))
        return self._join("sum(", part, ")") if size < _written_size(step) and id else part

    def _primitive_term(self, step, operand):
        texts, names = step.facts["primitive"].adjoints, self._operands(step)
        if not texts or operand >= len(texts) > 1:
            return self._join(f"pullback of {step.name}")
        if operand >= len(texts):
            text, names = texts[0], {"X": names[operand]}  # one rule for any number of operands
        else:
            text, names = texts[operand], dict(zip("XY", names, strict=False))
        parts, end = [], 0
        text = unicodedata.normalize("NFD", text)
        for found in STAND_IN.finditer(text):
            letter = found[1].upper()
            name = self._symbol(step.id, "bar" if found[2] else "")
            name = name if letter == "Z" else names.get(letter, Formula(letter))
            parts += [text[end : found.start()], name]
            end = found.end()
        return self._join(*parts, text[end:])

    def _summed(self, term, step, shape):
        """`term` summed over what an operand was broadcast to."""
        whole = np.shape(step.value)
        if shape == whole:
            return term
        if shape is None or shape == ():
            return self._join("sum(", term, ")")
        lead = len(whole) - len(shape)
        kept = [lead + i for i, n in enumerate(shape) if n == 1 != whole[lead + i]]
        axes = (*range(lead), *kept)
        axis = axes[0] if len(axes) == 1 else axes
        return self._join("sum(", term, f", axis={axis}{', keepdims=True' if kept else ''})")

    def _elemental_term(self, step, operand, factor):
        row = INSTRUCTIONS[step.facts["op"] - 1]
        tree = parsed(row.partials[operand])
        values = dict(zip("xy", map(step.operand_value, range(row.arity)), strict=False))
        names = dict(zip("xy", self._operands(step), strict=False)) | {"v": self._symbol(step.id)}
        values["v"] = step.value
        try:
            cases = list(_cases(tree, values, np.ones(np.shape(step.value), dtype=bool)))
            terms = [(test, self._product(part, factor, names, values)) for test, part in cases]
        except _UnknownError:
            of, by = self._symbol(step.id), self._symbol(step.operands[operand][0])
            partial = self._join("∂", of, "/∂", by)
            return self.notation.product(factor, partial)
        return self._in_cases([(test, term) for test, term in terms if term is not None], names)

    def total(self, terms):
        """Formula of the sum of what several operands give or get."""
        if len(terms) > 1:
            terms = [t if t.strength else Formula(self.notation.bracket(t, TERM)) for t in terms]
        return functools.reduce(self.notation.total, terms)

    def _product(self, tree, factor, names, values):
        def choose(test):
            truth = mask_of(test, values)
            if np.all(truth) or not np.any(truth):
                return bool(np.all(truth))
            raise _UnknownError

        return adjoint_term(tree, factor, names, choose, BY_NAME, self.notation)

    def _in_cases(self, terms, names):
        if not terms:
            return self._join("0")
        if len(terms) == 1 and terms[0][0] is None:
            return terms[0][1]
        parts = []
        for test, term in terms:
            words = [" elsewhere"] if test is None else [" where ", *self._test(test, names)]
            parts += [", ", term, *words]
        return self._join(*parts[1:])._replace(strength=CASES)

    def _test(self, node, names):
        """A condition, as formulas and words."""
        if isinstance(node, ast.BoolOp):
            word = " and " if isinstance(node.op, ast.And) else " or "
            parts = [part for value in node.values for part in (word, *self._test(value, names))]
            return parts[1:]
        sides = []
        for side in (node.left, node.comparators[0]):
            if isinstance(side, ast.Constant):
                sides.append(self.notation.number(float(side.value)))
            else:
                sides.append(names[side.id])
        return sides[0], f" {COMPARED[type(node.ops[0])]} ", sides[1]


class _UnknownError(Exception):
    """A condition that cannot be told."""


def mask_of(test, values):
    """Truth of a condition of the table, element by element."""
    if isinstance(test, ast.BoolOp):
        parts = [mask_of(part, values) for part in test.values]
        both = isinstance(test.op, ast.And)
        return functools.reduce(np.logical_and if both else np.logical_or, parts)
    for node in ast.walk(test):
        if isinstance(node, ast.Name) and values.get(node.id, 0.0) is None:
            raise _UnknownError
    return evaluate(test, values, lambda name: getattr(_tape, name))


def _cases(tree, values, here):
    """Branches that some elements take: (condition or None for the last, expression)."""
    if not isinstance(tree, ast.IfExp):
        yield None, tree
        return
    with np.errstate(invalid="ignore"):
        truth = np.broadcast_to(mask_of(tree.test, values), here.shape)
    if truth[here].all():
        yield from _cases(tree.body, values, here)
    elif not truth[here].any():
        yield from _cases(tree.orelse, values, here)
    elif isinstance(tree.body, ast.IfExp):
        raise _UnknownError
    else:
        yield _pruned(tree.test, values, here), tree.body
        yield from _cases(tree.orelse, values, here & ~truth)


def _pruned(test, values, here):
    """A condition without the parts that are the same for all elements."""
    if not isinstance(test, ast.BoolOp):
        if any(not isinstance(s, ast.Name | ast.Constant) for s in (test.left, *test.comparators)):
            raise _UnknownError
        return test
    both = isinstance(test.op, ast.And)
    parts = []
    for part in test.values:
        truth = np.broadcast_to(mask_of(part, values), here.shape)[here]
        if not (truth.all() if both else not truth.any()):
            parts.append(_pruned(part, values, here))
    return parts[0] if len(parts) == 1 else ast.BoolOp(test.op, parts)


def _written_to(step):
    """Index of a write, in brackets."""
    window, index = step.facts["window"], step.facts["index"]
    around = _windows.written(window)
    view = "[a view]" if around is None or around[0] else around[1]
    return view + f"[{_param(index)}]" if index is not None else view or "[:]"


def _index_of(step):
    return f"[{_param(step.facts['params']['index'])}]"


def _written_size(step):
    window, index = step.facts["window"], step.facts["index"]
    if index is None:
        return int(np.prod(window[2]))
    return np.empty(window[2], dtype=bool)[index].size


def _is_default(key, value):
    return (
        value is None
        or value is False
        or value is np._NoValue
        or (key == "where" and value is True)
    )


def _param(value):
    """A parameter in few words."""
    if isinstance(value, np.ndarray):
        if value.size > SHOWN:
            return f"array{value.shape}"
        return str(value.tolist())
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray | slice) for part in value):
        return ", ".join(map(_param, value))
    if isinstance(value, slice):
        return _windows.part_text(value)
    return getattr(value, "__name__", None) or str(value)
