"""The table's values as C99, and the functions of `_special.h` that they call.

Used by the build and by whatever writes a program out as C. Imports nothing of the package.
"""

import ast
import math
import re
from typing import NamedTuple

DEFINITION = re.compile(
    r"^static inline (?P<type>\w+) tapead_(?P<name>\w+)\((?P<parameters>[^)]*)\) \{\n.*?^\}\n",
    re.MULTILINE | re.DOTALL,
)
CALL = re.compile(r"\b(\w+)\(")

# Binding strength, loosest first.
CHOICE, LOGIC, COMPARISON, SUM, TERM, SIGN, ATOM = range(7)
OPERATORS = {
    ast.Add: ("+", SUM),
    ast.Sub: ("-", SUM),
    ast.Mult: ("*", TERM),
    ast.Div: ("/", TERM),
    ast.Lt: ("<", COMPARISON),
    ast.LtE: ("<=", COMPARISON),
    ast.Gt: (">", COMPARISON),
    ast.GtE: (">=", COMPARISON),
    ast.Eq: ("==", COMPARISON),
    ast.NotEq: ("!=", COMPARISON),
    ast.And: ("&&", LOGIC),
    ast.Or: ("||", LOGIC),
}


class Helper(NamedTuple):
    """One function of `_special.h`.

    Parameters
    ----------
    name : str
        What the table calls it: the C name without ``tapead_``.
    type, parameters : str
        As the header declares them.
    text : str
        The definition.
    """

    name: str
    type: str
    parameters: str
    text: str

    @property
    def c_name(self):
        """The function's name in C."""
        return f"tapead_{self.name}"

    @property
    def calls(self):
        """C names of the functions that the definition calls."""
        return set(CALL.findall(self.text.partition("{")[2]))


def helpers(header):
    """The functions that the text of `_special.h` defines, by the table's name for them."""
    found = {}
    for match in DEFINITION.finditer(header):
        parameters = match["parameters"].replace("void", "")
        found[match["name"]] = Helper(match["name"], match["type"], parameters, match[0])
    return found


def c_names(functions):
    """How C calls what values name: the `helpers`, and the mark for a path that is not there."""
    return {name: f"tapead_{name}" for name in functions} | {"absent_": "tapead_mark"}


def functions_called(expression):
    """Names of the functions that `expression` calls."""
    calls = (node for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Call))
    return {call.func.id for call in calls}


def arguments(expression):
    """Those of x, y and z that `expression` names."""
    names = {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}
    return tuple(name for name in ("x", "y", "z") if name in names)


def to_c99(expression, rename):
    """C99 text of a value or a condition, numbers as double literals.

    Parameters
    ----------
    expression : str
        Python syntax over ``x``, ``y``, numbers, calls, conditionals, ``and``, ``or`` and
        comparisons, which may be chained.
    rename : dict of str to str
        How C calls a function or a name; those that are not there keep their names.
    """
    return _write(ast.parse(expression, mode="eval").body, rename, CHOICE)


def _write(node, rename, wanted):
    """Text of `node`, in brackets if it binds more loosely than `wanted`."""
    text, strength = _text(node, rename)
    return text if strength >= wanted else f"({text})"


def _text(node, rename):
    match node:
        case ast.Constant():
            return _number(float(node.value))
        case ast.Name():
            return rename.get(node.id, node.id), ATOM
        case ast.Call():
            arguments = ", ".join(_write(part, rename, CHOICE) for part in node.args)
            return f"{rename.get(node.func.id, node.func.id)}({arguments})", ATOM
        case ast.UnaryOp(op=ast.USub()):
            return f"-{_write(node.operand, rename, ATOM)}", SIGN
        case ast.BinOp():
            sign, strength = OPERATORS[type(node.op)]
            left = _write(node.left, rename, strength)
            return f"{left} {sign} {_write(node.right, rename, strength + 1)}", strength
        case ast.IfExp():
            test, body = (_write(part, rename, LOGIC) for part in (node.test, node.body))
            return f"{test} ? {body} : {_write(node.orelse, rename, CHOICE)}", CHOICE
        case ast.BoolOp():
            sign, _ = OPERATORS[type(node.op)]
            return f" {sign} ".join(_write(p, rename, COMPARISON) for p in node.values), LOGIC
        case ast.Compare():
            return _comparisons(node, rename)
    raise ValueError(f"no C99 for {ast.unparse(node)}")


def _number(value):
    if math.isnan(value) or math.isinf(value):
        return ("NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"), SIGN
    return repr(value), ATOM if math.copysign(1.0, value) > 0 else SIGN


def _comparisons(node, rename):
    """A comparison; a chain of them is true where each is."""
    parts = [_write(part, rename, SUM) for part in (node.left, *node.comparators)]
    signs = [OPERATORS[type(op)][0] for op in node.ops]
    links = [f"{a} {sign} {b}" for a, sign, b in zip(parts, signs, parts[1:], strict=False)]
    return " && ".join(links), COMPARISON if len(links) == 1 else LOGIC
