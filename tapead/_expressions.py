"""What the table's expressions become: C arithmetic, recorded rules, and formulas for people.

An expression is Python syntax over ``x``, ``y``, ``v``, numbers, ``absent``, ``nan``, calls of rows
and conditionals. It is parsed once; each function below is one reading of the same tree.
"""

import ast
import operator
from typing import NamedTuple

CONSTANTS = {"absent", "nan"}
BINARY = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
COMPARE = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def parse(expression):
    """Syntax tree of `expression`, negated numbers folded into the number."""
    return _FoldSigns().visit(ast.parse(expression, mode="eval").body)


class _FoldSigns(ast.NodeTransformer):
    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return ast.Constant(-node.operand.value)
        return node


# -- C ---------------------------------------------------------------------------------------


class _Arithmetic(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Constant(float(node.value))

    def visit_Name(self, node):
        return ast.Name(f"{node.id}_()" if node.id in CONSTANTS else node.id)

    def visit_Call(self, node):
        return ast.Call(ast.Name(f"{node.func.id}_value"), [self.visit(a) for a in node.args], [])


def to_c(expression):
    """Cython expression of a partial in doubles; rows become their inline values."""
    return ast.unparse(_Arithmetic().visit(parse(expression)))


# -- recorded rules ---------------------------------------------------------------------------


def to_record(expression, choice=None):
    """Statements that record a partial as nodes, and the name that holds the result.

    A conditional takes the branch of the values at hand, unless a Program is being recorded: then
    it becomes instructions, those of its `choice`, because other values may take the other branch.

    Returns
    -------
    lines : list of str
        Cython statements over ``Ref`` values ``x``, ``y``, ``v``, indented by conditionals.
    result : str
    """
    lines = []
    node = parse(expression)
    if choice is None:
        return lines, _record(node, lines, "")
    if len(choice.rows) == 1:
        return lines, _record_numbers(node, choice, lines)
    return lines, _record_branches(node, choice, lines)


def _record(node, lines, indent):
    if isinstance(node, ast.Constant):
        return f"passive({float(node.value)!r})"
    if isinstance(node, ast.Name):
        return f"{node.id}_ref()" if node.id in CONSTANTS else node.id
    if isinstance(node, ast.IfExp):
        return _record_taken(node, lines, indent)
    name, arguments = application(node)
    refs = [_record(argument, lines, indent) for argument in arguments]
    return _assign(f"record_{name}(st, {', '.join(refs)})", lines, indent)


def _record_taken(node, lines, indent):
    """The branch that the values take."""
    result = _assign("passive(0.0)", lines, indent)
    lines.append(f"{indent}if {ast.unparse(_Values().visit(node.test))}:")
    lines.append(f"{indent}    {result} = {_record(node.body, lines, indent + '    ')}")
    lines.append(f"{indent}else:")
    lines.append(f"{indent}    {result} = {_record(node.orelse, lines, indent + '    ')}")
    return result


def _record_numbers(node, choice, lines):
    """One instruction that yields the number chosen."""
    result = _assign("passive(0.0)", lines, "")
    active = " or ".join(f"{name}.id" for name in choice.names)
    names = ", ".join(choice.names)
    lines.append(f"if st.guarding and ({active}):")
    lines.append(f"    {result} = record_{choice.rows[0].name}(st, {names})")
    lines.append("else:")
    lines.append(f"    {result} = {_record(node, lines, '    ')}")
    return result


def _record_branches(node, choice, lines):
    """Both branches, each times 1 or the mark."""
    result = _assign("absent_ref()", lines, "")
    names = ", ".join(choice.names)
    undecided = f"({_decided(node.test, False)}) and not ({_decided(node.test, True)})"
    lines.append(f"if st.guarding and {undecided}:")
    for row, branch in zip(choice.rows, (node.body, node.orelse), strict=True):
        held = _assign(f"record_{row.name}(st, {names})", lines, "    ")
        value = _record(branch, lines, "    ")
        lines.append(f"    contribute(st, &{result}, {held}, {value})")
    lines.append("else:")
    lines.append(f"    {result} = {_record(node, lines, '    ')}")
    return result


def _decided(node, certainly):
    """Condition that `node` holds for sure, or that it may hold, given what is passive."""
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        return word.join(f"({_decided(value, certainly)})" for value in node.values)
    names = sorted({part.id for part in ast.walk(node) if isinstance(part, ast.Name)})
    test = ast.unparse(_Values().visit(parse(ast.unparse(node))))
    if certainly:
        return " and ".join([*(f"{name}.id == 0" for name in names), test])
    return " or ".join([*(f"{name}.id" for name in names), test])


def _assign(expression, lines, indent):
    result = f"t[{sum('] = ' in line for line in lines)}]"
    lines.append(f"{indent}{result} = {expression}")
    return result


class _Values(ast.NodeTransformer):
    def visit_Name(self, node):
        return ast.Attribute(ast.Name(node.id), "value")


def application(node):
    """Name of the row that `node` applies and its argument nodes."""
    if isinstance(node, ast.BinOp):
        return BINARY[type(node.op)], (node.left, node.right)
    if isinstance(node, ast.UnaryOp):
        return "negative", (node.operand,)
    return node.func.id, node.args


# -- values -----------------------------------------------------------------------------------


def evaluate(node, names, functions):
    """Value of a tree: `names` gives x, y, v; ``functions(name)`` the function of a row.

    ``absent`` evaluates to None.
    """

    def value(node):
        match node:
            case ast.Constant():
                return float(node.value)
            case ast.Name():
                return {"absent": None, "nan": float("nan"), **names}[node.id]
            case ast.IfExp():
                return value(node.body if value(node.test) else node.orelse)
            case ast.BoolOp():
                return (all if isinstance(node.op, ast.And) else any)(map(value, node.values))
            case ast.Compare():
                return COMPARE[type(node.ops[0])](value(node.left), value(node.comparators[0]))
        name, arguments = application(node)
        return functions(name)(*map(value, arguments))

    return value(node)


# -- formulas ---------------------------------------------------------------------------------

SUM, TERM, SIGN, POWER, ATOM = range(1, 6)  # binding strength, loosest first


class Formula(NamedTuple):
    """Text of a formula and how tightly its outermost operation binds.

    `value` is there if it is a number, `unsigned` if a sign stands in front: what is behind it.
    """

    text: str
    strength: int = ATOM
    value: float | None = None
    unsigned: "Formula | None" = None


class _Slot:
    """What a template's ``{x}`` stands for: bracketed unless it is an atom; ``{x:r}`` as it is."""

    def __init__(self, formula, notation):
        self.formula, self.notation = formula, notation

    def __format__(self, spec):
        return self.formula.text if spec == "r" else self.notation.bracket(self.formula, ATOM)


class Notation(NamedTuple):
    """How formulas are written: Unicode text, or TeX."""

    field: str
    times: str
    minus: str
    left: str
    right: str

    def bracket(self, formula, strength):
        """Text of `formula`, in brackets if it binds more loosely than `strength`."""
        if formula.strength >= strength:
            return formula.text
        return f"{self.left}{formula.text}{self.right}"

    def number(self, value):
        """A number as a formula; a negative one binds like a sign."""
        text = f"{value:.6g}"
        if text.startswith("-"):
            return self.negative(self.number(-value))._replace(value=float(value))
        if self.field == "text":
            return Formula(text, ATOM, float(value))
        digits, _, exponent = text.partition("e")
        if exponent:
            return Formula(rf"{digits} \times 10^{{{int(exponent)}}}", TERM, float(value))
        text = {"inf": r"\infty", "nan": r"\mathrm{NaN}"}.get(text, text)
        return Formula(text, ATOM, float(value))

    def apply(self, row, arguments):
        """Formula of the row's value at the `arguments`, which are formulas."""
        slots = {
            name: _Slot(argument, self) for name, argument in zip(row.args, arguments, strict=True)
        }
        return Formula(getattr(row, self.field).format(**slots), _strength(row))

    def negative(self, formula):
        """Formula with its sign turned."""
        if formula.unsigned:
            return formula.unsigned
        return Formula(f"{self.minus}{self.bracket(formula, TERM)}", SIGN, unsigned=formula)

    def product(self, left, right):
        """Formula of a product; signs move to the front."""
        if left.unsigned or right.unsigned:
            return self._signed(self.product, left, right)
        if right.value == 1:
            return left
        return Formula(f"{self.bracket(left, TERM)}{self.times}{self.bracket(right, TERM)}", TERM)

    def quotient(self, left, right):
        """Formula of a quotient; signs move to the front."""
        if left.unsigned or right.unsigned:
            return self._signed(self.quotient, left, right)
        if self.field == "tex":
            return Formula(rf"\frac{{{left.text}}}{{{right.text}}}")
        return Formula(f"{self.bracket(left, TERM)} / {self.bracket(right, POWER)}", TERM)

    def _signed(self, combine, left, right):
        positive = combine(left.unsigned or left, right.unsigned or right)
        return positive if left.unsigned and right.unsigned else self.negative(positive)

    def total(self, left, right):
        """Formula of a sum; a sign in front of the second term makes it a difference."""
        sign = self.minus if right.unsigned else "+"
        return Formula(f"{left.text} {sign} {self.bracket(right.unsigned or right, TERM)}", SUM)


TEXT = Notation("text", " × ", "−", "(", ")")
TEX = Notation("tex", r" \times ", "-", r"\left(", r"\right)")

_LOOSE = {"add", "subtract", "remainder", "xlogy", "xlog1py"}
_STRENGTHS = {"multiply": TERM, "divide": TERM, "reciprocal": TERM, "xdivy": TERM, "negative": SIGN}
_STRENGTHS |= dict.fromkeys(_LOOSE, SUM)


def _strength(row):
    if row.name in _STRENGTHS:
        return _STRENGTHS[row.name]
    return ATOM if row.text.endswith((")", "|", "⌋", "⌉")) else POWER


def adjoint_term(partial, adjoint, names, choose, rows, notation):
    """Formula of ``adjoint * partial``, simplified as a person would write it.

    Parameters
    ----------
    partial : ast.expr
        The row's partial.
    adjoint : Formula
        Adjoint of the node's result.
    names : dict of str to Formula
        Formulas of x, y and v.
    choose : callable
        Truth of a conditional's test at this node's values.
    rows : dict of str to Elemental
    notation : Notation

    Returns
    -------
    Formula or None
        None where there is no path.
    """

    def write(node):
        match node:
            case ast.Constant():
                return notation.number(node.value)
            case ast.Name():
                return names.get(node.id) or Formula(node.id)
            case ast.IfExp():
                return write(node.body if choose(node.test) else node.orelse)
        name, arguments = application(node)
        written = [write(argument) for argument in arguments]
        return _write_application(name, written, rows, notation)

    def times(node, factor):
        match node:
            case ast.IfExp():
                return times(node.body if choose(node.test) else node.orelse, factor)
            case ast.Name(id="absent"):
                return None
            case ast.Constant(value=1):
                return factor
            case ast.Constant(value=-1):
                return notation.negative(factor)
            case ast.UnaryOp():
                return notation.negative(times(node.operand, factor))
            case ast.BinOp(op=ast.Mult()):
                return times(node.right, times(node.left, factor))
            case ast.BinOp(op=ast.Div()):
                return notation.quotient(times(node.left, factor), write(node.right))
        return notation.product(factor, write(node))

    return times(partial, adjoint)


def _write_application(name, written, rows, notation):
    match name:
        case "multiply":
            return notation.product(*written)
        case "divide":
            return notation.quotient(*written)
        case "negative":
            return notation.negative(*written)
        case "add" | "subtract":
            return _write_sum(*written, -1 if name == "subtract" else 1, notation)
        case "power" if written[1].value == 1:
            return written[0]
    return notation.apply(rows[name], written)


def _write_sum(left, right, sign, notation):
    if left.value is not None and right.value is not None:
        return notation.number(left.value + sign * right.value)
    return notation.total(left, right if sign == 1 else notation.negative(right))
