"""Functions, points and references for the tests of Program.map."""

import numpy as np

import tapead


def rosenbrock(x):
    total = 0.0
    for k in range(len(x) - 1):
        total = total + 100.0 * (x[k + 1] - x[k] * x[k]) ** 2 + (1.0 - x[k]) ** 2
    return total


def quotient(x):
    return (x[0] * x[1] - x[2] / (1.0 + x[3] * x[3])) * np.sqrt(x[1] * x[1] + x[2] * x[2])


def sums(x):
    return np.sum(x * x * x) - x[0] * x[3]


def transcendental(x):
    return tapead.sin(x[0]) * tapead.exp(0.3 * x[1]) + tapead.log(2.0 + tapead.tanh(x[2])) * x[3]


# Arithmetic and roots are correctly rounded: the bits are those of a replay at one point.
EXACT = {"rosenbrock": rosenbrock, "quotient": quotient, "sums": sums}
FUNCTIONS = EXACT | {"transcendental": transcendental}
KINDS = ("value", "grad", "value_and_grad", "hessian_diagonal")


def drawn(n, size=4, seed=0):
    """Points, one per row."""
    return np.random.default_rng([seed, n]).normal(size=(n, size))


def at_each(program, what, points):
    """What `map` is to give: a loop over the points; as a tuple of arrays."""
    if what == "hessian_diagonal":
        found = [(np.diagonal(program.hessian(point)),) for point in points]
    elif what == "value_and_grad":
        found = [program.value_and_grad(point) for point in points]
    else:
        found = [((program if what == "value" else program.grad)(point),) for point in points]
    return tuple(np.array(column) for column in zip(*found, strict=True))


def as_tuple(found):
    return found if isinstance(found, tuple) else (found,)


def same(a, b):
    """Equal bits; a NaN is a NaN."""
    return np.shape(a) == np.shape(b) and bool(
        np.all((np.asarray(a).view(np.int64) == np.asarray(b).view(np.int64))
               | (np.isnan(a) & np.isnan(b)))
    )  # fmt: skip


def wide(x):
    """More values alive at once than 64 lanes of them fit a cache."""
    steps = [x[0]]
    for k in range(1500):
        steps.append(steps[-1] * x[1] + 0.001 * k)
    total = x[0]
    for step in reversed(steps):
        total = total * 0.5 + step
    return total
