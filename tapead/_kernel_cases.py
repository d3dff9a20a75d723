"""What the kernels on arrays compute: values and partials as expressions over a, b and c.

Rows and their partials share expressions, such as the sine's partial and the cosine's value; each
becomes one loop over a block. Used by the build. Imports nothing of the package.
"""

import ast
import re
from typing import NamedTuple

OPERANDS = ("x", "y", "v")
NAMES = ("a", "b", "c")
CALL = re.compile(r"\b([\w.]+)\(")
LITERAL = re.compile(r"\b\d+\.\d*(?:e[-+]?\d+)?\b")
# C's own functions that a compiler turns into vector instructions, or memcpy of one number
PLAIN = {"fabs", "sqrt", "copysign", "floor", "ceil", "trunc", "rint", "memcpy", "UINT64_C"}
# What is computed in floats for floats; all else goes through doubles
SINGLE = {
    "fabs": "fabsf", "sqrt": "sqrtf", "copysign": "copysignf", "floor": "floorf", "ceil": "ceilf",
    "trunc": "truncf", "rint": "rintf", "exp": "tapead_v_exp_single",
    "tanh": "tapead_v_tanh_single",
}  # fmt: skip
# In helpers arguments of exp are not positive, those of log1p from 0 to 1
IN_HELPERS = SINGLE | {"exp": "tapead_v_exp_below_single", "log1p": "tapead_v_log1p_single"}
SINGLE_HELPERS = (
    "carry", "join", "merge", "number", "present", "sign", "maximum", "minimum", "fmax", "fmin",
    "relu", "heaviside", "sech2", "sigmoid", "softplus", "xdivy",
)  # fmt: skip
MOST_ROUNDINGS = 2
NUMPY_BOTH = {"power", "fmax", "fmin"}  # faster in NumPy; the same choice between 0.0 and -0.0
NUMPY_SINGLE = {"log", "log2", "sin", "cos"}  # faster in NumPy than through doubles


class Case(NamedTuple):
    """One loop.

    Parameters
    ----------
    text : str
        C expression in doubles over ``a``, ``b``, ``c`` and the whole blocks ``t0``, ``t1``.
    single : str
        The same in floats; empty if too much would be lost.
    wholes : tuple of (str, str, tuple of str)
        Blocks that are computed first: name, the function with a loop of its own, and its
        operands; without a function the one "operand" is an expression.
    vectorises : bool
        Whether a compiler makes vector instructions of it; then more lanes cost nothing.
    """

    text: str
    single: str
    wholes: tuple
    vectorises: bool

    def names_in(self, text):
        """Names of the blocks that an expression reads."""
        names = [*NAMES, *(whole[0] for whole in self.wholes)]
        return [name for name in names if re.search(rf"\b{name}\b", text)]

    @property
    def whole(self):
        """The function that does it all and its operands, if there is one."""
        return self.wholes[0][1:] if self.text == "t0" else None


class Use(NamedTuple):
    """What a row's value or partial is.

    Parameters
    ----------
    kind : str
        ``"ABSENT"``, ``"NUMBER"``, ``"OPERAND"`` or ``"CASE"``.
    number : float
    case : int
    operands : tuple of int
        Places among x, y and v of what the case calls a, b and c.
    marks : bool
        Whether it may be the mark of an adjoint that is absent.
    fast : int
        Whether it is faster than NumPy's loops: 1 in doubles, 2 in floats, or their sum.
    """

    kind: str
    number: float = 0.0
    case: int = 0
    operands: tuple = ()
    marks: bool = False
    fast: int = 0


def names(elementals, c99, functions, lanes):
    """What the template sees."""
    cases = Cases(elementals, c99, functions, lanes["lane_value"], lanes["lane_loop"])
    uses = {"input": [Use("ABSENT")] * 3}
    for row in elementals.INSTRUCTIONS:
        partials = [*(cases.partial(row, arg) for arg in row.args), Use("ABSENT")]
        uses[row.name] = [*partials[:2], cases.value(row)]
    return {
        "kernel_uses": {row: [_initializer(use, cases) for use in uses[row]] for row in uses},
        "kernel_cases": cases.found,
        "kernel_helpers": list(cases.helpers()),
        "single_helpers": [_in_floats(functions[name].text) for name in SINGLE_HELPERS],
        "single_value": cases.single_value,
        "single_kink": cases.single_kink,
    }


def _initializer(use, cases):
    """C text of a use."""
    places = ", ".join(map(str, (*use.operands, 0, 0, 0)[:3]))
    reads = sum(1 << place for place in use.operands)
    in_floats = use.kind == "CASE" and cases.found[use.case].single != ""
    number = "NAN" if use.number != use.number else repr(use.number)
    fields = [use.case, f"{{{places}}}", len(use.operands), reads, int(use.marks), int(in_floats)]
    return f"{{TAPEAD_{use.kind}, {', '.join(map(str, fields))}, {use.fast}, {number}}}"


class Cases:
    """The cases met so far; `functions` are the helpers of `_special.h`."""

    def __init__(self, elementals, c99, functions, lane_value, lane_loop):
        self.elementals, self.c99, self.functions = elementals, c99, functions
        self.lane_value, self.lane_loop = lane_value, lane_loop
        self.found = []
        self.called = {}  # rows that partials apply, as functions of their own

    def value(self, row):
        """What computes the row's value."""
        call = f"{row.name}({', '.join(row.args)})"
        marks = self.elementals.OPCODES[row.name] >= self.elementals.FIRST_MARKED
        use = self.use(_parsed(call), marks)
        case = self.found[use.case]
        in_floats = bool(case.single) or row.name not in NUMPY_SINGLE
        fast = (1 + 2 * in_floats) if case.vectorises and row.name not in NUMPY_BOTH else 0
        return use._replace(fast=fast)

    def partial(self, row, arg):
        """What computes the row's partial by an argument."""
        expression = row.partials[row.args.index(arg)]
        marks = row.name == "carry" or "absent" in expression or "present" in expression
        return self.use(_parsed(expression), marks)

    def use(self, node, marks):
        number = _number(node)
        if number is not None:
            return Use("NUMBER", number)
        if isinstance(node, ast.Name):
            if node.id == "absent":
                return Use("ABSENT", marks=True)
            return Use("OPERAND", operands=(OPERANDS.index(node.id),), marks=marks)
        case, operands = self.case(node)
        if case not in self.found:
            self.found.append(case)
        return Use("CASE", case=self.found.index(case), operands=operands, marks=marks)

    def case(self, node):
        """The loop of an expression, and the places of what it calls a, b and c."""
        if _is_row(node):
            return self.case_of_row(node)
        names = _named(node)
        wholes = []
        text = self.written(_Rows(self, names, wholes).visit(_parsed(ast.unparse(node))))
        case = Case(text, self.in_floats(node, names), tuple(wholes), self.vectorises(text))
        return case, tuple(map(OPERANDS.index, names))

    def case_of_row(self, node):
        """The loop of a row's value at operands."""
        row = self.row_of(node)
        names = _named(_parsed(row.value))
        loop = self.lane_loop(row)
        text = "t0" if loop else _renamed(self.lane_value(row), names)
        wholes = (("t0", loop, tuple(names[arg] for arg in row.args)),) if loop else ()
        single = self.in_floats(_parsed(row.value), names)
        given = dict(zip(row.args, (argument.id for argument in node.args), strict=True))
        operands = tuple(OPERANDS.index(given[name]) for name in names)
        return Case(text, single, wholes, self.vectorises(text)), operands

    def written(self, node):
        return self.c99.to_c99(ast.unparse(node), {"nan": "NAN", "absent": "tapead_mark()"})

    def row_of(self, node):
        """The row that a call applies."""
        return self.elementals.INSTRUCTIONS[self.elementals.OPCODES[node.func.id] - 1]

    def function_of(self, node):
        """C name of the function of a row's value that a call applies."""
        row = self.row_of(node)
        self.called[f"tapead_k_{row.name}"] = self.lane_value(row)
        return f"tapead_k_{row.name}"

    def in_floats(self, node, names):
        """Text in floats, empty unless few roundings and none before a function is called."""
        roundings = 0
        for part in ast.walk(node):
            if isinstance(part, ast.BinOp):
                roundings += 1
            elif isinstance(part, ast.Call):
                exact = all(_is_exact(argument) for argument in part.args)
                if part.func.id not in (*SINGLE, *SINGLE_HELPERS, "absent_") or not exact:
                    return ""
        if roundings > MOST_ROUNDINGS:
            return ""
        rename = names | {"nan": "NAN", "absent": "tapead_mark_single()"} | SINGLE
        rename |= {name: f"tapead_{name}_single" for name in SINGLE_HELPERS}
        rename |= {"absent_": "tapead_mark_single"}
        text = self.c99.to_c99(ast.unparse(node), rename)
        return LITERAL.sub(lambda number: number[0] + "f", text)

    def single_value(self, row):
        """Text in floats of a row's value over its arguments, empty if it goes through doubles."""
        if row.kink and not self.single_kink(row):
            return ""
        return self.in_floats(_parsed(row.value), {})

    def single_kink(self, row):
        return self.in_floats(_parsed(row.kink), {})

    def vectorises(self, text):
        return all(self.is_plain(name) for name in CALL.findall(text))

    def is_plain(self, name):
        if name in self.called:
            return self.vectorises(self.called[name])
        if name.startswith(("tapead_v_", "tapead_lane_")) or name in PLAIN:
            return True
        helper = self.functions.get(name.removeprefix("tapead_"))
        return (
            helper is not None
            and "for (" not in helper.text
            and all(self.is_plain(call) for call in helper.calls)
        )

    def helpers(self):
        """Definitions of the functions of rows that partials apply."""
        rows = {f"tapead_k_{row.name}": row for row in self.elementals.INSTRUCTIONS}
        called = {name for case in self.found for name in CALL.findall(case.text)}
        for name in sorted(called & rows.keys()):
            parameters = ", ".join(f"double {arg}" for arg in rows[name].args)
            body = self.called[name]
            yield f"static inline double {name}({parameters}) {{\n    return {body};\n}}"


class _Rows(ast.NodeTransformer):
    """Puts C names in the place of rows and operands; whole blocks in that of some calls."""

    def __init__(self, cases, names, wholes):
        self.cases, self.names, self.wholes = cases, names, wholes

    def visit_Name(self, node):
        return ast.Name(self.names.get(node.id, node.id))

    def visit_Call(self, node):
        loop = self.cases.lane_loop(self.cases.row_of(node))
        arguments = [self.visit(argument) for argument in node.args]
        if loop is None:
            return ast.Call(ast.Name(self.cases.function_of(node)), arguments, [])
        return self.block(loop, tuple(self.operand(argument) for argument in arguments))

    def operand(self, node):
        """Name of a block that holds an argument."""
        if isinstance(node, ast.Name):
            return node.id
        return self.block("", (self.cases.written(node),)).id

    def block(self, *how):
        self.wholes.append((f"t{len(self.wholes)}", *how))
        return ast.Name(self.wholes[-1][0])


def _is_row(node):
    """Whether a row is applied to operands, each once."""
    return (
        isinstance(node, ast.Call)
        and all(isinstance(argument, ast.Name) for argument in node.args)
        and len({argument.id for argument in node.args}) == len(node.args)
    )


def _is_exact(node):
    return isinstance(node, ast.Name | ast.Constant) or (
        isinstance(node, ast.UnaryOp) and _is_exact(node.operand)
    )


def _named(node):
    """What the loop calls the operands: a, b and c as they are written."""
    found = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    found.sort(key=lambda name: name.col_offset)
    return dict(zip(dict.fromkeys(n.id for n in found if n.id in OPERANDS), NAMES, strict=False))


def _parsed(expression):
    return ast.parse(expression, mode="eval").body


def _number(node):
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1.0
    if isinstance(node, ast.Constant):
        return sign * float(node.value)
    return float("nan") if isinstance(node, ast.Name) and node.id == "nan" else None


def _renamed(text, names):
    return re.sub(r"\b(x|y)\b", lambda found: names.get(found[0], found[0]), text)


def _in_floats(text):
    """A helper's definition in floats."""
    text = LITERAL.sub(lambda number: number[0] + "f", text)
    text = re.sub(r"\bdouble\b", "float", text)
    text = re.sub(r"\btapead_(\w+)(?=\()", r"tapead_\1_single", text)
    return re.sub(r"\b(\w+)(?=\()", lambda call: IN_HELPERS.get(call[0], call[0]), text)
