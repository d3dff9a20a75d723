"""jet of a Program of numbers: Taylor arithmetic on its instructions, which is kept."""

import numpy as np

from tapead._containers import leaves
from tapead._taylor import Loops, guards_hold
from tapead._taylor_plan import code_plan


def replayed(program, primals, columns, order):
    """The result and the coefficients of its numbers; None where the function has to be called."""
    if any(_is_traced(leaf) for leaf in leaves((primals, columns))):
        return None
    found = _along(program, primals, columns, order)
    if found is None:
        program(*primals)  # records another path, or says why it cannot
        found = _along(program, primals, columns, order)
    return found


def _is_traced(leaf):
    return hasattr(type(leaf), "__tapead_traced__") or type(leaf).__module__ == "tapead._tape"


def _along(program, primals, columns, order):
    for path in program.paths_for(primals):
        if path.has_aux:
            raise TypeError(
                "jet of a function with has_aux=True is not supported; record it without its "
                "auxiliary result"
            )
        rows, lasts = _rows(path, primals, columns, order)
        found = _run(path, rows, lasts, order)
        if found is not None:
            return _built(path, found, order)
    return None


def _rows(path, primals, columns, order):
    """Coefficients of the inputs, shape (order + 1, n), and the highest order that each has."""
    signature = path.arguments
    rows = np.zeros((order + 1, signature.n))
    lasts = np.zeros(signature.n, np.int32)
    rows[0] = signature.read_numbers(primals)
    for start, x, terms in zip(signature.offsets, primals, columns, strict=True):
        if terms is None:
            continue
        first = start
        for leaf, column in zip(leaves(x), terms, strict=True):
            end = first + (1 if type(leaf) is float else np.size(leaf))
            lasts[first:end] = len(column)
            for k, c in enumerate(column, start=1):
                rows[k, first:end] = c if type(c) is float else np.ravel(c)
            first = end
    return rows, lasts


def _run(path, rows, lasts, order):
    """The plan and the table of coefficients; None if a guard comes out differently."""
    plan = kept_plan(path, order, False)
    table = _filled(plan, rows, lasts)
    if table is None:
        return None
    if any(table[i, 0, 0] == 0 for i in plan.bases):
        plan = kept_plan(path, order, True)
        table = _filled(plan, rows, lasts)
    return plan, table


def _filled(plan, rows, lasts):
    n = rows.shape[1]
    table = np.zeros((len(plan), len(rows), 1))
    table[:n, :, 0] = rows.T
    of_all = np.zeros(len(plan), np.int32)
    of_all[:n] = lasts
    plan.loops.run(table, of_all)
    data = plan.data
    if not guards_hold(table, plan.guards, data.guard_kind, data.guard_outcome):
        return None
    return table


def kept_plan(path, order, at_zero):
    """The plan of a path up to an order or further, made when it is first asked for."""
    if path.plans is None:
        path.plans = {}
    plan = path.plans.get(at_zero)
    if plan is None or plan.order < order:
        data = path.recorded.data
        plan = code_plan(data, order, at_zero)
        plan.data, plan.loops = data, Loops(plan)
        path.plans[at_zero] = plan
    return plan


def _built(path, found, order):
    plan, table = found
    rows = table[plan.outputs, :, 0]
    y = path.result.build_from(rows[:, 0])
    parts, start = [], 0
    for leaf in leaves(y):
        if isinstance(leaf, np.ndarray):
            part = rows[start : start + leaf.size].T.reshape(order + 1, *leaf.shape)
            parts.append(list(part.astype(leaf.dtype)))
        else:
            parts.append(rows[start].tolist())
        start += np.size(leaf)
    return y, parts
