"""What the templates see: the rows, and the readings of their expressions. Used by the build."""

import textwrap


def names(elementals, expressions):
    """Namespace for Cython.Tempita.

    Parameters
    ----------
    elementals, expressions : module
        ``tapead.elementals`` and ``tapead._expressions``, loaded without the package.
    """
    return {
        "rows": elementals.ROWS,
        "opcodes": elementals.OPCODES,
        "to_c": expressions.to_c,
        "to_record": expressions.to_record,
        "doubles": lambda row: ", ".join(f"double {name}" for name in row.args),
        "refs": lambda row: ", ".join(f"Ref {name}" for name in row.args),
        "summary": summary,
        "docstring": docstring,
    }


def summary(row):
    """First line of a function's docstring."""
    counterpart = f"``{row.ufunc}``" if row.ufunc else "NumPy has no ufunc of it"
    formula = row.text.replace("{x:r}", "x").replace("{y:r}", "y").format(x="x", y="y")
    return f"{formula}, element by element ({counterpart})."


def docstring(row):
    """The sections of a function's docstring, indented for a module's function."""
    arguments = ", ".join(row.args)
    partials = "; ".join(
        f"d/d{name} = ``{partial}``" for name, partial in zip(row.args, row.partials, strict=True)
    )
    sample = ", ".join(f"{0.25 * lo + 0.75 * hi:g}" for lo, hi in row.domain)
    text = f"""\
Parameters
----------
{arguments} : float, Var or array_like
    Real numbers.

Returns
-------
float, Var or ndarray
    A Var, recorded on the active tape, if an argument is traced. {partials}.

Raises
------
TypeError
    If an argument is not a real number.
"""
    return textwrap.indent(text.rstrip(), "    ").replace("\n    \n", "\n\n") if sample else ""
