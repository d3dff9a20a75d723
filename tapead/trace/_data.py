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


def json_text(trace, indent):
    """The object that `Trace.to_json` describes."""
    content = {
        "inputs": {name: _number(value) for name, value in trace.inputs.items()},
        "value": _number(trace.value),
        "gradient": {name: _number(value) for name, value in trace.gradient.items()},
    }
    for kind in ("primal", "adjoint", "tangent"):
        content[kind] = [
            {"name": row.name, "formula": row.formula, "value": _number(row.value)}
            for row in getattr(trace, kind)
        ]
    return json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False)


def _number(value):
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
