"""Traces for programs: CSV and JSON."""

import csv
import io
import json
import math


def csv_text(trace):
    """All rows, values with all their digits."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["trace", "name", "formula", "value", "source"])
    for rows in (trace.primal, trace.tangent, trace.adjoint):
        writer.writerows([r.trace, r.name, r.formula, repr(r.value), r.source] for r in rows)
    return file.getvalue()


def json_text(trace):
    """The object that `Trace.to_json` describes, a line per row."""
    parts = {
        "inputs": _encode({name: _number(value) for name, value in trace.inputs.items()}),
        "value": _encode(_number(trace.value)),
        "gradient": _encode({name: _number(value) for name, value in trace.gradient.items()}),
        "primal": _encode_rows(trace.primal),
        "adjoint": _encode_rows(trace.adjoint),
        "tangent": _encode_rows(trace.tangent),
    }
    return "{\n" + ",\n".join(f' "{key}": {part}' for key, part in parts.items()) + "\n}\n"


def _encode_rows(rows):
    lines = (
        _encode({"name": row.name, "formula": row.formula, "value": _number(row.value)})
        for row in rows
    )
    return "[\n  " + ",\n  ".join(lines) + "\n ]" if len(rows) else "[]"


def _encode(value):
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _number(value):
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
