"""What the templates see: the rows, and the readings of their expressions. Used by the build."""

import importlib
import math
import re
import textwrap

import numpy as np

VECTOR_HEADERS = ("_vecmath.h", "_vecmath_more.h")
VECTOR = re.compile(r"\btapead_v_(\w+)\(")
VECTOR_WHOLE = re.compile(r"^TAPEAD_V_MANY\((\w+)\)", re.MULTILINE)
VECTOR_WHOLE_TWO = re.compile(r"\btapead_v_(\w+)_many\(.*\*x, const double \*y, int n\)")
FOREIGN = re.compile(r"^cdef double (\w+)\(([^)]*)\)", re.MULTILINE)


def names(load, text):
    """Namespace for Cython.Tempita.

    Parameters
    ----------
    load : callable
        A module of the package by its name, without the package.
    text : callable
        The text of a file of the package by its name; empty if there is none.
    """
    elementals, expressions, c99 = load("elementals"), load("_expressions"), load("_c99")
    header = text("_special.h")
    vector_headers = {name: text(name) for name in VECTOR_HEADERS if text(name)}
    functions = c99.helpers(header)
    foreign = dict(FOREIGN.findall(text("_special.pxd.in")))
    called = {name for row in elementals.INSTRUCTIONS for name in c99.functions_called(row.value)}
    declared = functions.keys() | foreign.keys()
    return {
        "libc_functions": sorted(called - declared - {"absent_"}),
        "special_functions": sorted(called & declared),
        "rows": elementals.ROWS,
        "instructions": elementals.INSTRUCTIONS,
        "choices": elementals.CHOICES,
        "first_marked": elementals.FIRST_MARKED,
        "opcodes": elementals.OPCODES,
        "to_c": expressions.to_c,
        "to_record": expressions.to_record,
        "doubles": lambda row: doubles(row.args),
        "refs": lambda row: ", ".join(f"Ref {name}" for name in row.args),
        "summary": summary,
        "docstring": docstring,
        **c_names(elementals, load("_guards"), c99, functions, foreign),
        **(lanes := lane_names(c99, functions, foreign, called, vector_headers)),
        **load("_kernel_cases").names(elementals, c99, functions, lanes),
        "header": header,
        "helpers": [helper for helper in functions.values() if of_numbers(helper)],
    }


def c_names(elementals, guards, c99, functions, foreign):
    """What the C headers see."""
    rename = c_functions(c99, functions, foreign)
    tested = {name for guard in guards.GUARDS for name in c99.functions_called(guard.test)}

    def fused(fusion, prefix="tapead_row_"):
        inner = f"{prefix}{fusion.inner}(x, y)"
        arguments = (inner, "z") if fusion.side == 0 else ("z", inner)
        return f"{prefix}{fusion.outer}({', '.join(arguments)})"

    return {
        "codes": codes(elementals, guards),
        "foreign": {name: parameters.count("double") for name, parameters in foreign.items()},
        "fusions": elementals.FUSIONS,
        "guards": guards.GUARDS,
        "guard_functions": sorted(tested - functions.keys()),
        "comparisons": guards.COMPARISONS,
        "fused": fused,
        "to_c99": lambda expression: c99.to_c99(expression, rename),
        "args": c99.arguments,
        "doubles_of": doubles,
        "operands": lambda names: ", ".join(f"w[at->{name}]" for name in names),
    }


def lane_names(c99, functions, foreign, called, vector_headers):
    """What the executor of many points sees besides: values in functions that vectorise."""
    vector_header = "".join(vector_headers.values())
    found = set(VECTOR.findall(vector_header))
    # functions with a loop of their own serve only whole rows: alone they do not take all numbers
    many = set(VECTOR_WHOLE.findall(vector_header))
    whole = {f"{name}(x)": f"tapead_v_{name}_many" for name in many}
    whole |= {f"{name}(x, y)": f"tapead_v_{name}_many"
              for name in VECTOR_WHOLE_TWO.findall(vector_header)}  # fmt: skip
    vector = found - many
    copied = vector_copies(functions, called, vector)
    rename = c_functions(c99, functions, foreign)
    rename |= {name: f"tapead_v_{name}" for name in vector}
    rename |= {name: f"tapead_lane_{name}" for name in copied}
    return {
        "vector_headers": vector_headers,
        "lane_helpers": [copied_text(functions[name], copied, vector) for name in copied],
        "lane_value": lambda row: c99.to_c99(row.value, rename),
        "lane_loop": lambda row: whole.get(row.value),
        "pointers": lambda args: ", ".join(f"*{name}s = TAPEAD_SLOT(at->{name})" for name in args),
        "elements": lambda args: ", ".join(f"{name} = {name}s[i]" for name in args),
    }


def vector_copies(functions, called, vector):
    """Names of the helpers that vectorise once the functions they call do, callees first."""
    copied = set()
    for name in called & functions.keys():
        reached = reached_from(functions, name)
        if not any("for (" in functions[other].text for other in reached):
            copied |= {
                other
                for other in reached
                if any(functions[h].calls & vector for h in reached_from(functions, other))
            }
    return [name for name in functions if name in copied]


def reached_from(functions, name):
    """The helper itself and the helpers that it calls, directly or not."""
    called = {call.removeprefix("tapead_") for call in functions[name].calls}
    return {name}.union(*(reached_from(functions, n) for n in called & functions.keys() - {name}))


def copied_text(helper, copied, vector):
    """A helper's definition with functions that vectorise in the place of C's."""
    places = {f"tapead_{name}": f"tapead_lane_{name}" for name in copied}
    places |= {name: f"tapead_v_{name}" for name in vector}
    return re.sub(r"\b(\w+)(?=\()", lambda call: places.get(call[0], call[0]), helper.text)


def c_functions(c99, functions, foreign):
    """How C calls what values name."""
    return c99.c_names(functions) | {name: f"tapead_foreign.{name}" for name in foreign}


def codes(elementals, guards):
    """Numbers of all that the executors run: instructions, fused pairs, guards, and moves."""
    listed = [row.name for row in (*elementals.INSTRUCTIONS, *elementals.FUSIONS)]
    listed += [f"guard_{guard.name}" for guard in guards.GUARDS]
    return {name: code for code, name in enumerate(listed, start=1)}


def doubles(args):
    """C parameters."""
    return ", ".join(f"double {name}" for name in args)


def of_numbers(helper):
    """Whether Cython can declare a function of `_special.h` without further types."""
    types = {part.split()[0] for part in helper.parameters.split(",") if part}
    return types <= {"double"} and helper.type in ("double", "int")


def summary(row):
    """First line of a function's docstring."""
    counterpart = f"as ``{row.ufunc}``" if row.ufunc else "NumPy has no ufunc of it"
    formula = row.text.replace("{x:r}", "x").replace("{y:r}", "y").format(x="x", y="y")
    return f"Compute {formula} element by element, {counterpart}."


def docstring(row):
    """The sections of a function's docstring, indented for a module's function."""
    partials = "".join(
        f"\n    d/d{name} is ``{partial}``."
        for name, partial in zip(row.args, row.partials, strict=True)
    )
    text = f"""\
Parameters
----------
{", ".join(row.args)} : float, Var or array_like
    Real {"number" if row.arity == 1 else "numbers"}.

Returns
-------
float, Var or ndarray
    A Var, recorded on the active tape, if an argument is traced.{partials}

Raises
------
TypeError
    If an argument is not a real number.

Examples
--------
>>> import tapead
{example(row)}"""
    return textwrap.indent(text, "    ", lambda line: line.strip() != "")


def example(row):
    """A call within the domain, and what it prints."""
    point = [round(0.25 * low + 0.75 * high, 2) for low, high in row.domain]
    call = f"tapead.{row.name}({', '.join(map(str, point))})"
    return f">>> round({call}, 6)\n{round(float(_value(row, point)), 6)}"


def _value(row, point):
    """The value by NumPy or SciPy, or by the textbook formula."""
    if row.ufunc:
        module, _, name = row.ufunc.rpartition(".")
        return getattr(importlib.import_module(module), name)(*point)
    known = {"exp": math.exp, "log": math.log, "max": max, "sincpi": np.sinc}
    return eval(row.definition, known, dict(zip(row.args, point, strict=True)))  # our own table
