"""What the templates see: the rows, and the readings of their expressions. Used by the build."""

import ast
import importlib
import math
import re
import textwrap

import numpy as np


def names(elementals, expressions, special):
    """Namespace for Cython.Tempita.

    Parameters
    ----------
    elementals, expressions : module
        ``tapead.elementals`` and ``tapead._expressions``, loaded without the package.
    special : str
        Text of ``_special.pxd``: what the values call is declared there, or is C's.
    """
    declared = set(re.findall(r"^cdef (?:inline )?double (\w+)\(", special, re.MULTILINE))
    called = {name for row in elementals.ROWS for name in functions_called(row.value)}
    return {
        "libc_functions": sorted(called - declared),
        "special_functions": sorted(called & declared),
        "rows": elementals.ROWS,
        "opcodes": elementals.OPCODES,
        "to_c": expressions.to_c,
        "to_record": expressions.to_record,
        "doubles": lambda row: ", ".join(f"double {name}" for name in row.args),
        "refs": lambda row: ", ".join(f"Ref {name}" for name in row.args),
        "summary": summary,
        "docstring": docstring,
    }


def functions_called(expression):
    """Names of the functions that `expression` calls."""
    calls = (node for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Call))
    return {call.func.id for call in calls}


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
