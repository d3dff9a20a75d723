"""Traces for programs: CSV and JSON."""

import csv
import io
import json
import math

import numpy as np

from tapead._trace._values import plain


def csv_text(trace):
    """All rows, values with all their digits."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["trace", "name", "formula", "value", "source"])
    for rows in (trace.primal, trace.tangent, trace.adjoint):
        writer.writerows([r.trace, r.name, r.formula, _digits(r.value), r.source] for r in rows)
    return file.getvalue()


def json_text(trace):
    """The object that `Trace.to_json` describes, a line per row."""
    parts = {
        "inputs": _encode({name: _numbers(value) for name, value in trace.inputs.items()}),
        "value": _encode(_numbers(trace.value)),
        "gradient": _encode({name: _numbers(value) for name, value in trace.gradient.items()}),
        "primal": _encode_rows(trace.primal),
        "adjoint": _encode_rows(trace.adjoint),
        "tangent": _encode_rows(trace.tangent),
    }
    return "{\n" + ",\n".join(f' "{key}": {part}' for key, part in parts.items()) + "\n}\n"


def _encode_rows(rows):
    lines = (
        _encode(
            {"name": row.name, "formula": row.formula, "value": _numbers(row.value)}
            | _kind(row.value)
        )
        for row in rows
    )
    return "[\n  " + ",\n  ".join(lines) + "\n ]" if len(rows) else "[]"


def _encode(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _kind(value):
    """What JSON does not tell of an array."""
    if not isinstance(value, np.ndarray):
        return {}
    return {"shape": list(value.shape), "dtype": str(value.dtype)}


def _digits(value):
    """A number with all its digits; an array as JSON."""
    return repr(value) if isinstance(value, float) else _encode(_numbers(value))


def _numbers(value):
    """A number, nested lists of them for an array; None is an absent element."""
    value = plain(value)
    if isinstance(value, list):
        return list(map(_numbers, value))
    return value if value is None else _number(value)


def _number(value):
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
