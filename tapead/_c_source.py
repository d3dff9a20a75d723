"""A Program as a C function that needs nothing but C's library.

Instructions are statements over local constants, in functions of `PART` statements, because what
compilers do within a function takes more than linear time. Values that a later part reads stand in
a workspace, whose places are used again.
"""

import heapq
import math
import re
from pathlib import Path

import numpy as np

from tapead._c99 import c_names, functions_called, helpers, to_c99
from tapead._code_data import ARITY
from tapead._guards import COMPARISONS, GUARDS
from tapead._version import __version__
from tapead.elementals import INSTRUCTIONS

PART = 500  # statements in a function
ON_STACK = 4096  # doubles; threads may have as little as 128 KiB
MARK = 0x7FFC7AEA00000000  # bits of an adjoint that nothing reached
HEADER = Path(__file__).with_name("_special.h")
WORD = re.compile(r"\w+")
VARIABLE = re.compile(r"\b[xy]\b")

C_MATHS = set(WORD.findall(
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 "
    "fabs floor fmod hypot lgamma log log10 log1p log2 pow rint sin sinh sqrt tan tanh tgamma trunc"
))  # fmt: skip
TAKEN = C_MATHS | set(WORD.findall(
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while main malloc free calloc realloc abort exit abs labs llabs "
    "fdim fma fmax fmin frexp ilogb isfinite isinf isnan isnormal ldexp llrint llround logb lrint "
    "lround modf nan nearbyint nextafter nexttoward remainder remquo round scalbln scalbn signbit "
    "j0 j1 jn y0 y1 yn gamma index rindex memchr memcmp memcpy memmove memset strcat strchr strcmp "
    "strcpy strlen strncmp strncpy printf puts NAN INFINITY HUGE_VAL NULL"
))  # fmt: skip

FROM_BITS = """\
static inline double tapead_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
"""
HEAD = """\
/* {name}.c: a program of tapead {version}.

       int {name}(const double *x, double *y);

   Inputs x[{n_inputs}], outputs y[{n_outputs}], which may not overlap. Returns 0, or k + 1 if
   guard k comes out differently than it did when the program was recorded{memory}; y is
   then left as it is. Compile without -ffast-math; -ffp-contract=off keeps the last bit. */

#include <math.h>
#include <stdint.h>
{stdlib}#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
"""
APART = """\
#ifdef __GNUC__
#define APART __attribute__((noinline)) /* one large function would compile for minutes */
#else
#define APART
#endif
"""
STORE = """\
static const uint64_t {name}_constants[{n_bits}] = {{
    {bits}
}};

/* Where each output stands: below 0 among the constants, then x, then w. */
static const int32_t {name}_outputs[{n_places}] = {{
    {places}
}};

APART static void {name}_store(const double *x, double *w, double *y) {{
    for (int32_t k = 0; k < {n}; k++) {{
        const int32_t v = {name}_outputs[k];
        if (v < 0) memcpy(y + k, {name}_constants + (-1 - v), sizeof *y);
        else y[k] = v < {n_inputs} ? x[v] : w[v - {n_inputs}];
    }}
}}
"""


def to_c(data, name):
    """Text of a C99 file that defines ``int name(const double *x, double *y)``.

    Parameters
    ----------
    data : CodeData
        What passes `check`.
    name : str
        A C identifier.

    Raises
    ------
    ValueError
        If `name` is not an identifier, or means something in C already.
    NotImplementedError
        If an instruction needs SciPy.
    """
    functions = helpers(HEADER.read_text("utf-8"))
    _check_name(name)
    _check_functions(data, functions)
    plan = _Plan(data)
    writer = _Writer(data, plan, c_names(functions))
    body = "\n".join(_whole(writer, name) if plan.n_parts == 1 else _parts(writer, name))
    on_heap = plan.n_slots > ON_STACK
    head = HEAD.format(
        name=name, version=__version__, n_inputs=data.n_inputs, n_outputs=len(data.outputs),
        memory=",\n   -1 if there is no memory" if on_heap else "",
        stdlib="#include <stdlib.h>\n" if on_heap else "",
    )  # fmt: skip
    return "\n".join([head, *_definitions(body, functions), body, ""])


def _check_name(name):
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ValueError(f"a C function's name is a letter, then letters and digits; got {name!r}")
    if name in TAKEN or name.startswith("tapead_") or name.endswith("_t"):
        raise ValueError(f"{name!r} means something else in C; choose another name")


def _check_functions(data, functions):
    """Refuse rows that call what neither C's library nor `_special.h` has."""
    known = C_MATHS | c_names(functions).keys()
    for op in np.unique(data.op).tolist():
        row = INSTRUCTIONS[op - 1]
        missing = sorted(functions_called(row.value) - known)
        if missing:
            raise NotImplementedError(
                f"to_c cannot write {row.name}: C's library has no {missing[0]}, it is SciPy's; "
                f"{int((data.op == op).sum())} of the instructions need it; replay the program in "
                "Python, by map for many points, or record a function without it"
            )


def _definitions(body, functions):
    """The functions of `_special.h` that the body needs, and those that these need, in order."""
    by_c_name = {helper.c_name: helper for helper in functions.values()}
    needed, todo = set(), set(re.findall(r"\btapead_\w+", body)) & by_c_name.keys()
    while todo:
        c_name = todo.pop()
        needed.add(c_name)
        todo |= by_c_name[c_name].calls & by_c_name.keys() - needed
    bits = [FROM_BITS] if "tapead_from_bits" in body else []
    return [*bits, *(helper.text for name, helper in by_c_name.items() if name in needed)]


# -- where things stand -----------------------------------------------------------------------


class _Plan:
    """Which statements there are, in which part, and the workspace between parts.

    Parameters
    ----------
    data : CodeData

    Attributes
    ----------
    statements : list of list of int
        Of each part: instruction k as k, guard j as -1 - j. What nothing needs is left out.
    born : dict of int to int
        The part that computes each value.
    slots : dict of int to int
        Places in the workspace of the values that a later part reads, or the outputs.
    """

    def __init__(self, data):
        order = _order(data, _needed(data))
        self.statements = [order[k : k + PART] for k in range(0, len(order), PART)] or [[]]
        self.n_parts = len(self.statements)
        if self.n_parts == 1 and len(data.outputs) > PART:
            self.statements.append([])
            self.n_parts = 2
        self.born, last = _lifetimes(data, self.statements)
        self.slots, self.n_slots = _slots(self.born, last)


def _operands(data, k):
    """Operands of instruction k, or of guard -1 - k."""
    if k < 0:
        return int(data.guard_x[-1 - k]), int(data.guard_y[-1 - k])
    operands = int(data.x[k]), int(data.y[k])
    return operands[: ARITY[data.op[k]]]


def _needed(data):
    """Whether an output or a guard depends on each instruction."""
    needed = np.zeros(data.n_inputs + len(data.op), bool)
    for operands in (data.outputs, data.guard_x, data.guard_y):
        needed[operands[operands >= 0]] = True
    needed = needed[data.n_inputs :].tolist()
    for k in range(len(needed) - 1, -1, -1):
        if needed[k]:
            for operand in _operands(data, k):
                if operand >= data.n_inputs:
                    needed[operand - data.n_inputs] = True
    return needed


def _order(data, needed):
    order, j, places = [], 0, data.guard_at.tolist()
    for k, is_needed in enumerate([*needed, False]):
        while j < len(places) and places[j] == k:
            order.append(-1 - j)
            j += 1
        if is_needed:
            order.append(k)
    return order


def _lifetimes(data, statements):
    """The part that computes each value, and the last that reads it; outputs are read after all."""
    born, last = {}, {}
    for part, members in enumerate(statements):
        for k in members:
            for operand in _operands(data, k):
                if operand >= data.n_inputs:
                    last[operand] = part
            if k >= 0:
                born[data.n_inputs + k] = part
    if len(statements) > 1:
        last |= {value: len(statements) for value in data.outputs.tolist() if value in born}
    return born, last


def _slots(born, last):
    """Places of values that live beyond their part; one is free when its last part is over."""
    slots, free, taken, n_slots, now = {}, [], [], 0, 0
    for value, part in born.items():
        while part > now:
            while taken and taken[0][0] <= now:
                free.append(heapq.heappop(taken)[1])
            now += 1
        if last.get(value, part) > part:
            if not free:
                free.append(n_slots)
                n_slots += 1
            slots[value] = free.pop()
            heapq.heappush(taken, (last[value], slots[value]))
    return slots, n_slots


# -- text -------------------------------------------------------------------------------------


class _Writer:
    """Statements of a program; `renamed` says how C calls what rows call."""

    def __init__(self, data, plan, renamed):
        self.data, self.plan = data, plan
        self.rows = {
            op: _template(INSTRUCTIONS[op - 1].value, renamed) for op in np.unique(data.op).tolist()
        }
        self.tests = [_template(guard.test, renamed) for guard in GUARDS]
        self.constants = [_literal(value) for value in data.constants]

    def operand(self, operand, part):
        """An input, a local constant, a place in the workspace, or a number."""
        if operand < 0:
            return self.constants[-1 - operand]
        if operand < self.data.n_inputs:
            return f"x[{operand}]"
        if self.plan.born[operand] == part:
            return f"v{operand - self.data.n_inputs + 1}"
        return f"w[{self.plan.slots[operand]}]"

    def statements(self, part):
        """Lines of one part."""
        for k in self.plan.statements[part]:
            operands = [self.operand(operand, part) for operand in _operands(self.data, k)]
            if k < 0:
                yield self._guard(-1 - k, operands)
                continue
            value = self._filled(self.rows[self.data.op[k]], operands)
            yield f"    const double v{k + 1} = {value};"
            slot = self.plan.slots.get(self.data.n_inputs + k)
            if slot is not None:
                yield f"    w[{slot}] = v{k + 1};"

    def _filled(self, template, operands):
        return template.format(x=operands[0], y=operands[-1])

    def _guard(self, j, operands):
        test = self._filled(self.tests[self.data.guard_kind[j]], operands)
        file, line, _ = self.data.sources[j]
        told = f" /* {_comment(file)}:{line} */" if file else ""
        if self.data.guard_kind[j] < COMPARISONS and not self.data.guard_outcome[j]:
            return f"    if ({test}) return {j + 1};{told}"
        return f"    if (!({test})) return {j + 1};{told}"

    def outputs(self):
        """Lines that store the outputs from where they stand in the only part."""
        for k, output in enumerate(self.data.outputs.tolist()):
            yield f"    y[{k}] = {self.operand(output, 0)};"

    def places(self):
        """Outputs as numbers: below 0 a constant, then the inputs, then the workspace."""
        first = self.data.n_inputs
        for v in self.data.outputs.tolist():
            yield v if v < first else first + self.plan.slots[v]


def _template(expression, renamed):
    """C text with ``{x}`` and ``{y}`` for the operands, which are names or numbers in brackets."""
    return VARIABLE.sub(lambda match: f"{{{match[0]}}}", to_c99(expression, renamed))


def _literal(value):
    """A double as it is, bit for bit."""
    bits = int(value.view(np.uint64))
    if bits == MARK:
        return "tapead_mark()"
    if math.isnan(value):
        return f"tapead_from_bits(UINT64_C(0x{bits:016X}))"
    text = repr(float(abs(value))).replace("inf", "INFINITY")
    return f"(-{text})" if np.signbit(value) else text


def _comment(file):
    """Last part of a path, without what could end a comment or a line."""
    return re.sub(r"[^\w.+-]", "_", re.split(r"[/\\]", file)[-1], flags=re.ASCII)


def _whole(writer, name):
    """One function."""
    lines = [*writer.statements(0), *writer.outputs()]
    return [f"int {name}(const double *x, double *y) {{", *_unused("xy", lines), *lines, *END]


END = ["    return 0;", "}"]
PARAMETERS = "const double *restrict x, double *restrict w"


def _unused(names, lines):
    """Statements that keep compilers from warning of parameters that the lines do not use."""
    text = "\n".join(lines)
    return [f"    (void){name};" for name in names if not re.search(rf"\b{name}\[", text)]


def _parts(writer, name):
    """Functions for the statements, and one that calls them until a guard fails."""
    yield APART
    calls = []
    for part in range(writer.plan.n_parts):
        lines = list(writer.statements(part))
        yield f"APART static int {name}_part{part + 1}({PARAMETERS}) {{"
        yield from [*_unused("xw", lines), *lines, *END, ""]
        calls.append(f"    if (!failed) failed = {name}_part{part + 1}(x, w);")
    yield from _table(writer, name)
    yield f"int {name}(const double *x, double *y) {{"
    yield from _workspace(writer.plan.n_slots)
    yield from [*calls, f"    if (!failed) {name}_store(x, w, y);"]
    yield from ["    free(w);"] if writer.plan.n_slots > ON_STACK else []
    yield from ["    return failed;", "}"]


def _workspace(n_slots):
    yield "    int failed = 0;"
    if n_slots > ON_STACK:
        yield f"    double *w = malloc({n_slots} * sizeof(double));"
        yield "    if (w == NULL) return -1;"
    else:
        yield f"    double w[{max(n_slots, 1)}];"


def _table(writer, name):
    """A function that stores the outputs by a table: many statements compile for minutes."""
    data = writer.data
    bits = [f"UINT64_C(0x{b:X})" for b in data.constants.view(np.uint64).tolist()] or ["0"]
    places = list(map(str, writer.places())) or ["0"]
    yield STORE.format(
        name=name, bits=_folded(bits), places=_folded(places), n_bits=len(bits),
        n_places=len(places), n_inputs=data.n_inputs, n=len(data.outputs),
    )  # fmt: skip


def _folded(items):
    return ",\n    ".join(", ".join(items[k : k + 8]) for k in range(0, len(items), 8))
