"""The page of the elementals, read off their table: formula, partials and picture of each."""

import ast
from functools import partial

import numpy as np
from generated import DOCS, directive, indented, title, write
from pictures import N_POINTS, picture

import tapead
from tapead._expressions import TEX, Formula, adjoint_term, parse
from tapead.elementals import ROWS

PAGE = DOCS / "api" / "elementals.rst"
BY_NAME = {row.name: row for row in ROWS}
SHARE = 0.7  # of the second argument's interval: where the picture is cut; no kink lies there
HEAD = """\
Every function here takes a float, a NumPy array or a traced number, and answers to the ufunc that
is named: ``numpy.sin(x)`` and ``tapead.sin(x)`` are one thing for a traced ``x``. This page is made
from the table that the engine is built from, and the curves are drawn by the engine.

Partials are expressions in the arguments ``x`` and ``y`` and the result ``v``; *absent* is where
there is no path. Beside them stands what a sweep adds to the adjoints, where it is the same
everywhere. Value and partials are smooth almost everywhere in the domain, which tests and
benchmarks draw from; at a kink the :doc:`conventions </conventions>` say what the derivative is.

.. raw:: html

   <p class="legend"><span class="value">value</span> <span class="dx">∂/∂x</span>
   <span class="dy">∂/∂y</span></p>

"""


def setup(app):
    """Write the page before Sphinx looks for pages."""
    app.connect("config-inited", lambda app, config: write(PAGE, page()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def page():
    """The page, with an entry for every public row."""
    entries = "".join(entry(row) for row in ROWS if row.public)
    return title("Elementals") + HEAD + ".. currentmodule:: tapead\n\n" + entries


def entry(row):
    """Signatures, picture and facts of a row."""
    signatures = [f"{name}({', '.join(row.args)})" for name in row.names]
    facts = "".join(f":{name}: {text}\n" for name, text in facts_of(row))
    body = directive("raw", "html", curves(row)) + facts
    heads = f".. py:function:: {signatures[0]}\n" + "".join(
        f"                 {signature}\n" for signature in signatures[1:]
    )
    return f"{heads}\n{indented(body)}\n"


def facts_of(row):
    """Pairs of a name and what stands beside it."""
    value = TEX.apply(row, [Formula(name) for name in row.args]).text
    yield "value", f":math:`{value}`"
    for arg, expression in zip(row.args, row.partials, strict=True):
        term = increment(expression)
        added = rf"; a sweep adds :math:`{term}` to :math:`\bar{{{arg}}}`" if term else ""
        yield f"∂/∂{arg}", f"``{expression}``{added}"
    domain = " × ".join(f"[{low:g}, {high:g}]" for low, high in row.domain)
    yield "domain", domain.replace("-", "−")
    if row.kink:
        yield "kink", f"``{row.kink}``"
    if row.ufunc:
        yield "ufunc", f"``{row.ufunc}``"


def increment(expression):
    """TeX of a sweep's contribution to the argument; None if that depends on the values."""
    tree = parse(expression)
    if any(isinstance(node, ast.IfExp) for node in ast.walk(tree)) or "absent" in expression:
        return None
    names = {name: Formula(name) for name in ("x", "y", "v")}
    term = adjoint_term(tree, Formula(r"\bar{v}"), names, None, BY_NAME, TEX)
    return term.text


def curves(row):
    """Picture of the value and the derivatives, along the first argument."""
    function = getattr(tapead, row.name)
    low, high = row.domain[0]
    x = np.linspace(low, high, N_POINTS)
    fixed = [a + SHARE * (b - a) for a, b in row.domain[1:]]
    along = {"value": np.array([function(at, *fixed) for at in x])}
    for i, arg in enumerate(row.args):
        slope = partial(tapead.grad(function, argnums=i))
        along[f"d{arg}"] = np.array([slope(at, *fixed) for at in x])
    where = f", y = {fixed[0]:.3g}" if fixed else ""
    return picture(f"{row.name} and its derivatives{where}", x, along)
