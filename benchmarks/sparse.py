"""Sparse Jacobians and Hessians: entries of programs, colours of arrays, and how they are found."""

import time
import tracemalloc

import numpy as np
from scipy.sparse import diags_array

import tapead

from .array_workloads import rosenbrock_slices
from .measure import check, fastest, some, versioned
from .second_order_systems import record
from .workloads import broyden_tridiagonal, rosenbrock, rosenbrock_point

SIZES = some((1000, 100_000))
LARGE = some((10_000, 1_000_000))


def rosenbrock_entries(x):
    """Return the diagonal of the Hessian, and the entries beside it."""
    diagonal = np.zeros(len(x))
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    return diagonal, -400 * x[:-1]


def stencil(x):
    return x[2:] - 2.0 * x[1:-1] * x[:-2]


def arrow(x):
    return x[0] * np.sum(x**2)


def chain(x):
    return rosenbrock_slices((x,), np)


def check_tridiagonal(matrix, below, diagonal, above, what):
    found = [matrix.diagonal(k) for k in (-1, 0, 1)]
    check(found, [below, diagonal, above], what)
    assert matrix.nnz <= sum(map(len, found)), what


@versioned(rosenbrock, broyden_tridiagonal)
class Recorded:
    """Matrices of a program of numbers, in units of its gradient or its value."""

    params = (("hessian", "jacobian"), SIZES)
    param_names = ("matrix", "n")
    timeout = 300

    def setup(self, matrix, n):
        x = np.array(rosenbrock_point(n))
        if matrix == "hessian":
            program = record(rosenbrock, x)
            self.steps = {
                "once": lambda: program.grad(x),
                "matrix": lambda: program.sparse_hessian(x),
            }
            diagonal, beside = rosenbrock_entries(x)
            check_tridiagonal(self.steps["matrix"](), beside, diagonal, beside, matrix)
        else:
            program = record(broyden_tridiagonal, x)
            self.steps = {
                "once": lambda: program(x),
                "matrix": lambda: program.sparse_jacobian(x),
            }
            ones = np.ones(n - 1)
            check_tridiagonal(self.steps["matrix"](), -ones, 3 - 4 * x, -2 * ones, matrix)

    def track_over_once(self, matrix, n):
        seconds = fastest(self.steps)
        return seconds["matrix"] / seconds["once"]

    track_over_once.unit = "x gradient or value"

    def time_matrix(self, matrix, n):
        self.steps["matrix"]()


@versioned(stencil, arrow, chain)
class Arrays:
    """Matrices of a function of arrays: the first call, and those after it."""

    params = (("stencil", "arrow", "chain"), LARGE)
    param_names = ("function", "n")
    timeout = 600

    def setup(self, function, n):
        self.x = np.linspace(0.5, 1.0, n)
        self.transform, self.f, product = {
            "stencil": (tapead.sparse_jacobian, stencil, tapead.jvp),
            "arrow": (tapead.sparse_hessian, arrow, tapead.hvp),
            "chain": (tapead.sparse_hessian, chain, tapead.hvp),
        }[function]
        self.product = product
        self.matrix = self.transform(self.f)
        v = np.sin(self.x * 40)
        found = product(self.f, (self.x,), (v,))
        wanted = found[1] if function == "stencil" else found[0]
        check([self.matrix(self.x) @ v], [wanted], function)

    def time_matrix(self, function, n):
        self.matrix(self.x)

    def track_first_call(self, function, n):
        start = time.process_time()
        self.transform(self.f)(self.x)
        return time.process_time() - start

    track_first_call.unit = "s"

    def track_bytes_per_entry(self, function, n):
        tracemalloc.start()
        try:
            found = self.transform(self.f)(self.x)
            return tracemalloc.get_traced_memory()[1] / found.nnz
        finally:
            tracemalloc.stop()

    track_bytes_per_entry.unit = "B"


@versioned()
class Colours:
    """Groups of the nodes of a symmetric pattern; microseconds for 1,000 entries."""

    params = (("band", "arrow", "grid"), some((100_000,)))
    param_names = ("pattern", "n")

    def setup(self, pattern, n):
        from tapead import _structures

        ones = [np.ones(n - k) for k in range(3)]
        if pattern == "grid":
            side = int(np.sqrt(n))
            ones = [np.ones(n - k) for k in (0, 1, side)]
            half = diags_array(ones, offsets=(0, 1, side))
        elif pattern == "band":
            half = diags_array(ones, offsets=(0, 1, 2))
        else:
            half = diags_array(ones[:1], offsets=(0,)).tolil()
            half[0] = 1.0
        found = (half + half.T).tocsr()
        found.sort_indices()
        self.structure = _structures.Structure(
            found.indptr.astype(np.int32), found.indices.astype(np.int32), found.shape
        )
        self.colour = _structures.hessian_directions
        self.n_colours = self.colour(self.structure).n_colours
        assert self.n_colours <= {"band": 5, "arrow": 2, "grid": 8}[pattern]

    def track_us(self, pattern, n):
        seconds = fastest({"colour": lambda: self.colour(self.structure)})["colour"]
        return 1e9 * seconds / self.structure.nnz

    track_us.unit = "us"

    def track_colours(self, pattern, n):
        return self.n_colours

    track_colours.unit = "colours"
