"""The commands: each returns what it prints."""

import importlib
import json
import os
import re
import sys

from tapead._cli_expression import CommandError, Expression, constant
from tapead._tape import Tape
from tapead._trace._inputs import Names
from tapead._trace._trace import Trace
from tapead._trace._trace import trace as trace_function
from tapead._version import __version__

EXAMPLE = "ln(x1) + x1*x2 - sin(x2)"
SUFFIXES = {
    ".md": "markdown", ".tex": "latex", ".html": "html", ".htm": "html", ".csv": "csv",
    ".json": "json", ".dot": "dot", ".gv": "dot", ".svg": "svg",
}  # fmt: skip
TOUR = """\
tapead {version}: derivatives of plain Python functions, and the traces that show their work

    y = ln(x1) + x1 * x2 - sin(x2)   at   x1 = 2, x2 = 5

{table}

The primal trace reads downwards: one elementary operation per step. The adjoint trace reads
upwards from {seed} = 1: each step hands its adjoint, times a partial derivative, to its operands,
where contributions add up. What arrives at the inputs is the gradient:
dy/dx1 = {x1:.6g}, dy/dx2 = {x2:.6g}. {health}

The gradient of a function of your own, in Python:

    import tapead

    def f(x1, x2):
        return tapead.log(x1) + x1 * x2 - tapead.sin(x2)

    tapead.grad(f, argnums=(0, 1))(2.0, 5.0)    # (5.5, 1.7163378145367738)
    print(tapead.trace(f, 2.0, 5.0))            # the table above, in the order f really ran

and here:

    tapead trace "x**2 * exp(-y)" x=3 y=1 --interactive -o trace.html
    tapead grad "x**2 * exp(-y)" x=3 y=1
    tapead --help
"""


def example():
    """The worked example, in Unicode and in ASCII."""
    trace = _trace_expression(EXAMPLE, ["x1=2", "x2=5"], None)
    return _tour(trace, False), _tour(trace, True)


def _tour(trace, ascii):
    return TOUR.format(
        version=__version__, table=trace.to_text(ascii=ascii), health=_health(trace, ascii),
        seed="bar(v5)" if ascii else "v̄₅", **trace.gradient,
    )  # fmt: skip


def _health(trace, ascii):
    from tapead._trace import _names

    text = str(trace.health())
    return _names.to_ascii(text) if ascii else text


def trace(function, values, format, tangent, output):
    """A trace in a format: its text, and its ASCII form if the format is for reading.

    The format "page" is the interactive one of HTML.
    """
    result = _record(function, values, tangent)
    if format is None:
        format = SUFFIXES.get(os.path.splitext(output or "")[1].lower(), "text")
    if format == "page":
        return result.to_html(interactive=True), None
    if format != "text":
        try:
            return getattr(result, f"to_{format}")(), None
        except ValueError as error:
            raise CommandError(str(error)) from None
    return tuple(_text(result, ascii) for ascii in (False, True))


def grad(function, values, format):
    """Value and gradient."""
    result = _record(function, values, None)
    if format == "json":
        content = json.loads(result.to_json())
        return json.dumps({key: content[key] for key in ("value", "gradient")})
    lines = [("value", result.value), *((f"d/d{k}", v) for k, v in result.gradient.items())]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:{width}}  {value!r}" for name, value in lines)


def _text(trace, ascii):
    """The table, and below it what to look at twice."""
    table = trace.to_text(ascii=ascii)
    return table if trace.health().ok else f"{table}\n\n{_health(trace, ascii)}"


def _record(function, values, tangent):
    seeds = None if tangent is None else dict(map(_read_seed, tangent))
    try:
        if re.fullmatch(r"[\w.]+:[\w.]+", function):
            return _trace_function(function, values, seeds)
        return _trace_expression(function, values, seeds)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _trace_expression(text, values, seeds):
    variables = dict(map(_read_value, values))
    if None in variables:
        raise CommandError("the inputs of a formula have names: x=2")
    if len(variables) < len(values):
        raise CommandError("an input has two values")
    expression, names, tape = Expression(text, variables), Names(variables), Tape()
    with tape:
        inputs = {name: tape.variable(value, name) for name, value in variables.items()}
        result = expression(inputs)
    return Trace(tape, names, result, tangent=seeds)


def _trace_function(target, values, seeds):
    function = _load(target)
    pairs = list(map(_read_value, values))
    positional = [value for name, value in pairs if name is None]
    named = {name: value for name, value in pairs if name is not None}
    try:
        return trace_function(function, *positional, tangent=seeds, **named)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's code raises
        raise CommandError(f"{target}: {_describe(error)}") from None


def _load(target):
    """The function that ``package.module:function`` names."""
    module, _, path = target.partition(":")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs a user's code
        raise CommandError(f"cannot load {target}: {_describe(error)}") from None
    return found


def _describe(error):
    """An exception in one line, with the line of the user's that raised it."""
    trail, place = error.__traceback__, ""
    here = os.path.dirname(__file__)
    while trail is not None:
        file = trail.tb_frame.f_code.co_filename
        if not file.startswith((here, "<")) and "importlib" not in file:
            place = f" ({os.path.basename(file)}:{trail.tb_lineno})"
        trail = trail.tb_next
    return f"{type(error).__name__}: {error}{place}"


def _read_value(text):
    """Name and value of ``x=2``; the name of ``2`` is None."""
    name, equals, value = text.rpartition("=")
    name = name.strip()
    if equals and not name.isidentifier():
        raise CommandError(f"expected NAME=VALUE; got {text!r}")
    return name if equals else None, _number(value, text)


def _read_seed(text):
    name, equals, seed = text.rpartition("=")
    return (name, _number(seed, text)) if equals else (text, 1.0)


def _number(text, whole):
    try:
        return constant(text)
    except CommandError as error:
        raise CommandError(f"expected a number in {whole!r}: {error}") from None
