"""Formulas on the command line: a whitelist over Python's syntax tree, never evaluated as code.

The operations are put in order level by level, as a lecture numbers them: all that need only inputs
first, from left to right, then those that need these, and so on.
"""

import ast
import difflib
import math
import warnings

from tapead import _tape
from tapead.elementals import ROWS

LONGEST = 10_000  # characters; Python's own parser gives up somewhat above
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}


class CommandError(Exception):
    """What was wrong with a command; printed in one line."""


def _power(x, y):
    """Floats by IEEE 754: neither complex numbers, nor integers of a million digits."""
    return _tape.power(x, y) if type(x) is type(y) is float else x**y


OPERATORS = {
    ast.Add: _tape.add,
    ast.Sub: _tape.subtract,
    ast.Mult: _tape.multiply,
    ast.Div: _tape.divide,
    ast.FloorDiv: _tape.floor_divide,
    ast.Mod: _tape.remainder,
    ast.Pow: _power,
}
FUNCTIONS = {name: (getattr(_tape, row.name), row.arity) for row in ROWS for name in row.names}
FUNCTIONS |= {"ln": FUNCTIONS["log"], "clip": (_tape.clip, 3)}


class Expression:
    """A formula, checked, and its operations in the order they will run.

    Parameters
    ----------
    text : str
    variables : sequence of str
        Names that stand for inputs.

    Raises
    ------
    CommandError
        If there is anything in it but numbers, variables, operators and known functions.
    """

    def __init__(self, text, variables):
        self.root = _parse(text)
        level = {}
        nodes = list(_operands_first(self.root))
        for node in nodes:
            operands = _operands(node)
            _check_leaf(node, variables)
            if operands:
                deepest = max(level[id(operand)] for operand in operands)
                level[id(node)] = deepest and deepest + 1
            else:
                level[id(node)] = int(isinstance(node, ast.Name) and node.id in variables)
        self.nodes = sorted(nodes, key=lambda node: level[id(node)])

    def __call__(self, variables):
        """Value at the variables' values, a dict."""
        values = {}
        for node in self.nodes:
            operands = [values[id(operand)] for operand in _operands(node)]
            values[id(node)] = _value(node, operands, variables)
        return values[id(self.root)]


def constant(text):
    """Value of a number, or of a formula without variables."""
    try:
        return float(text)
    except ValueError:
        return Expression(text, ())({})


def _parse(text):
    if len(text) > LONGEST:
        raise CommandError(f"a formula has at most {LONGEST:,} characters; got {len(text):,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning of the parser would be a second line
            return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise CommandError(f"cannot read {_short(text)}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise CommandError(f"cannot read {_short(text)}: it is nested too deeply") from None
    except ValueError as error:
        raise CommandError(f"cannot read {_short(text)}: {error}") from None


def _operands_first(root):
    """Nodes of the tree, operands before operations and left before right; does not recurse."""
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        else:
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(_operands(node))]


def _operands(node):
    """What an operation is applied to; refuses what is not on the list."""
    match node:
        case ast.BinOp() if type(node.op) in OPERATORS:
            return [node.left, node.right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return [node.operand]
        case ast.Call():
            return _arguments(node)
        case ast.Constant() | ast.Name():
            return []
        case ast.BinOp(op=ast.BitXor()):
            raise CommandError("^ is not a power in Python; write ** instead")
        case ast.Attribute():
            raise CommandError(f"write {node.attr} without a module's name in front of it")
    raise CommandError(
        f"a formula is made of numbers, names, + - * / // % ** and functions; got {_source(node)}"
    )


def _arguments(node):
    match node.func:
        case ast.Attribute(attr=name):
            raise CommandError(f"write {name}(...) without a module's name in front of it")
        case ast.Name(id=name) if name in FUNCTIONS:
            arity = FUNCTIONS[name][1]
        case ast.Name(id=name):
            raise CommandError(f"no function is called {name}{_suggestion(name, FUNCTIONS)}")
        case _:
            raise CommandError("only a function's name can be called")
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise CommandError(f"{name} takes its arguments by position, without = or *")
    if len(node.args) != arity:
        raise CommandError(
            f"{name} takes {arity} argument{'s' * (arity > 1)}; got {len(node.args)}"
        )
    return node.args


def _check_leaf(node, variables):
    match node:
        case ast.Name(id=name) if name not in variables and name not in CONSTANTS:
            if name in FUNCTIONS:
                raise CommandError(f"{name} is a function; write {name}(...)")
            raise CommandError(f"no value for {name}; add {name}=VALUE")
        case ast.Constant(value=value) if type(value) not in (int, float):
            raise CommandError(f"a formula has real numbers only; got {_short(repr(value))}")


def _value(node, operands, variables):
    match node:
        case ast.Constant():
            return _as_float(node.value)
        case ast.Name(id=name):
            return variables[name] if name in variables else CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub()):
            return -operands[0]
        case ast.UnaryOp():
            return operands[0]
        case ast.Call():
            return FUNCTIONS[node.func.id][0](*operands)
    return OPERATORS[type(node.op)](*operands)


def _as_float(number):
    try:
        return float(number)
    except OverflowError:
        raise CommandError(f"a number of {number.bit_length()} bits is too large") from None


def _suggestion(name, known):
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _source(node):
    try:
        return _short(ast.unparse(node))
    except RecursionError:
        return type(node).__name__


def _short(text):
    return text if len(text) <= 60 else text[:57] + "..."
