"""Derivatives of any order of determinants, of singular matrices too."""

import itertools
import math

import numpy as np
import pytest
from numpy.polynomial import Polynomial

import tapead

RNG = np.random.default_rng(0)


def along(a, e):
    """The determinant of ``a + t e``, a polynomial, by Leibniz's formula."""
    n, total = len(a), Polynomial([0.0])
    for order in itertools.permutations(range(n)):
        inversions = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        terms = (Polynomial([a[i, j], e[i, j]]) for i, j in enumerate(order))
        total += (-1.0) ** inversions * math.prod(terms, start=Polynomial([1.0]))
    return total


def of_rank(n, rank):
    return RNG.normal(size=(n, rank)) @ RNG.normal(size=(rank, n))


MATRICES = [(n, rank) for n in (1, 2, 3, 4, 5) for rank in {0, 1, n - 2, n - 1, n} if rank >= 0]


@pytest.mark.parametrize(("n", "rank"), MATRICES)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_derivatives_along_a_matrix(n, rank, order):
    a, e = of_rank(n, rank), RNG.normal(size=(n, n))
    expected = along(a, e).deriv(order)(0.0)
    found = tapead.derivative(lambda t: np.linalg.det(a + t * e), order)(0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize(("n", "rank"), MATRICES)
def test_gradient_of_a_third_derivative(n, rank):
    a, e, w = of_rank(n, rank), RNG.normal(size=(n, n)), RNG.normal(size=(n, n))

    def third(a, e):
        return tapead.derivative(lambda t: np.linalg.det(a + t * e), 3)(0.0)

    h = 1e-4  # a cubic in the matrix is a polynomial of degree n - 3 along w
    points = [along(a + s * h * w, e).deriv(3)(0.0) for s in (-2, -1, 1, 2)]
    expected = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * h)
    found = np.sum(tapead.grad(third)(a, e) * w)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-6)


def test_stacks_of_matrices():
    a = np.stack([of_rank(3, 2), of_rank(3, 3)])
    e = RNG.normal(size=(2, 3, 3))
    found = tapead.derivative(lambda t: np.sum(np.linalg.det(a + t * e)), 3)(0.0)
    expected = sum(along(x, y).deriv(3)(0.0) for x, y in zip(a, e, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
