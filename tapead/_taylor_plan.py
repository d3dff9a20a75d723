"""Taylor arithmetic of rows of the table: a list of values closed under the partials.

The series of y = phi(x) follows from that of the partial p = phi'(x), which is an expression in
rows of the table again: y' = p x', so that the coefficients obey

    k y_k = sum over j from 1 to k of j x_j p_(k - j).

Equal values are one value, and so most rows close after a few: exp after itself, sin after cos and
its negative [1]_. What does not (polygamma) is followed as deep as the order asks for. Products and
quotients have the rules of Cauchy; sums need none of their own, because a constant partial is a
factor. A `Plan` holds the values in an order in which each coefficient can be computed of all of
them before the next one.

.. [1] A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM, 2008, chapter 13.
"""

import functools
import heapq
import math

import numpy as np

from tapead import _array
from tapead._expressions import application, parse
from tapead.elementals import CHOICES, FIRST_MARKED, INSTRUCTIONS, OPCODES

INPUT, CONSTANT, FLAT, CHAIN, PRODUCT, QUOTIENT, SELECT = range(7)
# The highest exponent whose power is a chain of products: y v / x cancels where the order comes
# near the exponent, as no order does here.
MOST_FACTORS = 1 << 20

_ADD, _SUBTRACT, _NEGATIVE = OPCODES["add"], OPCODES["subtract"], OPCODES["negative"]
_MULTIPLY, _CARRY, _DIVIDE = OPCODES["multiply"], OPCODES["carry"], OPCODES["divide"]
_SQUARE, _POWER, _LOG = OPCODES["square"], OPCODES["power"], OPCODES["log"]
_SAME = {OPCODES["copy"], OPCODES["seed"]}


class Value:
    """One value of a plan.

    `op`, `x` and `y` are the row and its operands, which give the coefficient of order 0. `rule`
    gives the others: from `a` and `b` for products, quotients and selections, else from the
    partials `p` and `q` with respect to x and y. -1 is none. Coefficients are needed up to `limit`.
    """

    __slots__ = ("a", "b", "constant", "fixed", "limit", "op", "p", "q", "rule", "x", "y")

    def __init__(self, rule, op=0, x=-1, y=-1, a=-1, b=-1, constant=0.0, fixed=False):
        self.rule, self.op, self.x, self.y, self.a, self.b = rule, op, x, y, a, b
        self.p = self.q = -1
        self.constant, self.fixed = constant, fixed
        self.limit = -1


class Closure:
    """Values under construction.

    Parameters
    ----------
    at_zero : bool
        Whether a power may have the base 0: its partials are then those of the table, y x^(y - 1),
        as deep as the order asks for, and else y v / x, which close.
    """

    def __init__(self, at_zero):
        self.at_zero = at_zero
        self.values = []
        self.known = {}
        self.queue = []

    # -- making values -----------------------------------------------------------------------

    def input(self, fixed=False):
        """A value whose series is given; if `fixed` it is its coefficient of order 0 alone."""
        return self._add(Value(INPUT, fixed=fixed))

    def constant(self, number):
        """A number."""
        key = ("constant", np.float64(number).tobytes())
        return self._once(key, lambda: Value(CONSTANT, constant=float(number), fixed=True))

    def apply(self, op, x, y=-1):
        """A row of the table applied to values."""
        if op in _SAME:
            return x
        args = (x,) if y < 0 else (x, y)
        values = [self.values[i] for i in args]
        if all(value.rule == CONSTANT for value in values):
            return self.constant(_array.apply_elemental(op, *(value.constant for value in values)))
        if op == _NEGATIVE and values[0].op == _NEGATIVE:
            return values[0].x
        return self._once((op, x, y), lambda: self._of_row(op, x, y))

    def _of_row(self, op, x, y):
        fixed = all(i < 0 or self.values[i].fixed for i in (x, y))
        row = INSTRUCTIONS[op - 1]
        if fixed or set(row.partials) == {"absent"}:
            return Value(FLAT, op, x, y, fixed=True)
        if op in (_MULTIPLY, _CARRY):
            return Value(PRODUCT, op, x, y, x, y)
        if op == _DIVIDE:
            return Value(QUOTIENT, op, x, y, x, y)
        if op == _SQUARE:
            return Value(PRODUCT, op, x, y, x, x)
        if op == _POWER:
            return self._power(x, y)
        return Value(CHAIN, op, x, y)

    def _power(self, x, y):
        n = self.values[y].constant
        if self.values[y].rule != CONSTANT or not is_factored(n):
            return Value(CHAIN, _POWER, x, y)
        if n == 0:
            return Value(FLAT, _POWER, x, y, fixed=True)
        if n == 1:
            return Value(PRODUCT, _POWER, x, y, x, self.constant(1.0))
        half = n // 2
        a = x if half == 1 else self.apply(_POWER, x, self.constant(half))
        b = x if n - half == 1 else self.apply(_POWER, x, self.constant(n - half))
        return Value(PRODUCT, _POWER, x, y, a, b)

    def _once(self, key, make):
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._add(make())
        return found

    def _add(self, value):
        self.values.append(value)
        return len(self.values) - 1

    # -- partials ----------------------------------------------------------------------------

    def need(self, i, limit):
        """Ask for the coefficients of a value up to an order, and for what they follow from."""
        if i >= 0 and limit > self.values[i].limit:
            self.values[i].limit = limit
            heapq.heappush(self.queue, (-limit, i))

    def close(self):
        """Add the values that follow from those that were asked for."""
        done = {}
        while self.queue:
            limit, i = heapq.heappop(self.queue)
            limit, value = -limit, self.values[i]
            if done.get(i, -1) >= limit:
                continue
            done[i] = limit
            below = 0 if value.rule in (FLAT, SELECT) else limit
            for operand in (value.x, value.y):
                self.need(operand, below)
            for operand in (value.a, value.b):
                self.need(operand, limit)
            if value.rule == CHAIN and limit > 0:
                self._differentiate(i)
                self.need(value.p, limit - 1)
                self.need(value.q, limit - 1)

    def _differentiate(self, i):
        """The partials of a value with respect to the operands that vary."""
        value = self.values[i]
        row = INSTRUCTIONS[value.op - 1]
        names = dict(zip(("x", "y", "v"), (value.x, value.y, i), strict=True))
        for slot, arg in zip("pq", row.args, strict=False):
            if getattr(value, slot) < 0 and not self.values[names[arg]].fixed:
                setattr(value, slot, self._partial(row, arg, names))

    def _partial(self, row, arg, names):
        """The value that is a partial of a row; -1 if it is absent."""
        if row.name == "power" and arg == "x" and not self.at_zero:
            quotient = self.apply(_DIVIDE, names["v"], names["x"])
            return self.apply(_MULTIPLY, names["y"], quotient)
        tree = parse(row.partials[row.args.index(arg)])
        return self._expression(tree, names, CHOICES.get((row.name, arg)))

    def _expression(self, node, names, choice):
        kind = type(node).__name__
        if kind == "Constant":
            return self.constant(node.value)
        if kind == "Name":
            if node.id == "nan":
                return self.constant(math.nan)
            return -1 if node.id == "absent" else names[node.id]
        if kind == "IfExp":
            return self._choice(node, names, choice)
        name, arguments = application(node)
        operands = [self._expression(argument, names, None) for argument in arguments]
        return self.apply(OPCODES[name], *operands)

    def _choice(self, node, names, choice):
        """A conditional: the side that holds at order 0, at every element."""
        operands = [names[name] for name in choice.names]
        found = [self.apply(OPCODES[row.name], *operands) for row in choice.rows]
        if len(found) == 1:
            return found[0]
        body = self._expression(node.body, names, None)
        other = self._expression(node.orelse, names, None)
        return self._add(Value(SELECT, 0, *found, body, other))


def is_factored(n):
    """Whether the power with a constant exponent is a chain of products."""
    return 0 <= n <= MOST_FACTORS and n == math.floor(n)


class Plan:
    """Values as arrays, for the loops in C.

    Attributes
    ----------
    values : list of Value
    order : int
    rules, ops, x, y, a, b, p, q, limits : ndarray of int32
    flat : ndarray of int32
        1 where coefficients above 0 are zero by structure.
    marked : ndarray of int32
        1 where the coefficient of order 0 may be the mark of what is absent.
    constants : ndarray of float64
    outputs : list of int
    bases : list of int
        Bases of powers, of which none may be 0 unless the plan is one `at_zero`.
    """

    def __init__(self, closure, outputs, order):
        for i in outputs:
            closure.need(i, order)
        closure.close()
        self.values, self.outputs, self.order = closure.values, outputs, order

        def column(name):
            return np.array([getattr(v, name) for v in self.values], dtype=np.int32)

        self.rules, self.ops, self.limits = column("rule"), column("op"), column("limit")
        self.x, self.y, self.a, self.b = map(column, "xyab")
        self.p, self.q, self.flat = column("p"), column("q"), column("fixed")
        self.marked = (self.ops >= FIRST_MARKED).astype(np.int32)
        self.constants = np.array([v.constant for v in self.values], dtype=np.float64)
        chains = (v for v in self.values if v.rule == CHAIN and v.op == _POWER)
        found = {v.x for v in chains if not self.values[v.x].fixed}
        self.bases = [] if closure.at_zero else sorted(found)

    def __len__(self):
        return len(self.values)


@functools.lru_cache(1024)
def row_plan(op, operands, order, at_zero):
    """The plan of one row.

    Parameters
    ----------
    op : int
    operands : tuple
        By operand: ``"series"``, ``"fixed"`` for one that does not vary, or a number.
    order : int
    at_zero : bool
        As of a `Closure`.
    """
    closure = Closure(at_zero)
    places = [
        closure.input(fixed=operand == "fixed") if isinstance(operand, str) else None
        for operand in operands
    ]
    args = [
        closure.constant(operand) if place is None else place
        for place, operand in zip(places, operands, strict=True)
    ]
    return Plan(closure, [closure.apply(op, *args)], order)


def code_plan(data, order, at_zero):
    """The plan of the instructions of a Program."""
    closure = Closure(at_zero)
    found = [closure.input() for _ in range(data.n_inputs)]
    constants = list(map(closure.constant, data.constants.tolist()))

    def operand(v):
        return found[v] if v >= 0 else constants[-1 - v]

    for op, x, y in zip(data.op.tolist(), data.x.tolist(), data.y.tolist(), strict=True):
        second = () if INSTRUCTIONS[op - 1].arity == 1 else (operand(y),)
        found.append(closure.apply(op, operand(x), *second))
    guards = [(operand(x), operand(y)) for x, y in zip(data.guard_x, data.guard_y, strict=True)]
    for pair in guards:
        for i in pair:
            closure.need(i, 0)
    plan = Plan(closure, [operand(v) for v in data.outputs.tolist()], order)
    plan.guards = guards
    return plan
