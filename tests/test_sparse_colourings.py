"""Sets of indices, colourings and what is read from compressed matrices, against definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tapead import _structures
from tapead._sparsity import IndexSets, StarColouring, column_colours, largest_first
from tapead._structures import Structure


def structure(matrix):
    """Structure of the entries of a full matrix that are not 0."""
    found = sparse.csr_array(np.asarray(matrix) != 0)
    found.sort_indices()
    return Structure(found.indptr.astype(np.int32), found.indices.astype(np.int32), found.shape)


def random_matrix(seed, n, m, density):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, m)) < density, rng.normal(size=(n, m)), 0.0)


def random_symmetric(seed, n, density):
    found = random_matrix(seed, n, n, density)
    if seed % 3 == 0 and n:  # full rows
        found[:, :2] = 1.5
    return found + found.T


MATRICES = [
    (seed, n, m, density)
    for seed, (n, m, density) in enumerate(
        itertools.product((1, 5, 17), (1, 8, 30), (0.0, 0.1, 0.4, 1.0))
    )
]


def read(directions, s, matrix):
    """The matrix again, from what it gives for the directions."""
    seeds = directions.seeds(0, directions.n_colours)
    data = np.full(s.nnz, np.nan)
    for k, results in enumerate(seeds @ (matrix.T if directions.forward else matrix)):
        directions.read(k, results, data)
    return s.matrix(data).toarray()


@pytest.mark.parametrize(("seed", "n", "m", "density"), MATRICES)
def test_columns_of_a_colour_share_no_row(seed, n, m, density):
    matrix = random_matrix(seed, n, m, density)
    s = structure(matrix)
    columns = s.columns()[:2]
    for order in (np.arange(m, dtype=np.int32), largest_first(columns[0])):
        colours, n_colours = column_colours((s.indptr, s.indices), columns, order)
        assert set(colours) == set(range(n_colours))
        for c in range(n_colours):
            assert np.max(np.sum(matrix[:, colours == c] != 0, axis=1), initial=0) <= 1


@pytest.mark.parametrize(("seed", "n", "m", "density"), MATRICES)
def test_entries_are_read_from_compressed_columns_and_rows(seed, n, m, density):
    matrix = random_matrix(seed, n, m, density)
    s = structure(matrix)
    makers = (_structures.column_directions, _structures.row_directions)
    both = [make(s) for make in makers]
    for directions in (*both, _structures.jacobian_directions(s)):
        assert np.array_equal(read(directions, s, matrix), matrix)
    assert directions.n_colours == min(d.n_colours for d in both)


@pytest.mark.parametrize("density", [0.0, 0.05, 0.15, 0.4])
@pytest.mark.parametrize("seed", range(12))
def test_star_colouring(seed, density):
    n = 1 + 3 * seed
    matrix = random_symmetric(seed, n, density)
    s = structure(matrix)
    neighbours = [set(np.flatnonzero(matrix[i])) - {i} for i in range(n)]
    for order in (np.arange(n, dtype=np.int32), largest_first(s.indptr)):
        star = StarColouring(s.indptr, s.indices, order)
        colours = star.colours
        assert star.done
        assert set(colours) == set(range(star.n_colours))
        for b in range(n):  # every path a - b - c - d has three colours or more
            for c in neighbours[b]:
                assert colours[b] != colours[c]
                for a, d in itertools.product(neighbours[b] - {c}, neighbours[c] - {b}):
                    assert a == d or len({colours[i] for i in (a, b, c, d)}) > 2
        directions = _structures.Directions(True, colours, star.n_colours, star.read_at())
        assert np.array_equal(read(directions, s, matrix), matrix)
    directions = _structures.hessian_directions(s)
    assert np.array_equal(read(directions, s, matrix), matrix)


@pytest.mark.parametrize(("seed", "n", "m", "density"), MATRICES)
def test_full_rows_are_left_out(seed, n, m, density):
    matrix = random_matrix(seed, n, m, density)
    matrix[n // 2] = matrix[:, 0] = 1.5
    s = structure(matrix)
    apart = _structures.without_full_rows(s, m)
    if apart is None:
        return
    directions, full = apart
    data = np.full(s.nnz, np.nan)
    seeds = directions.seeds(0, directions.n_colours)
    rest = matrix.copy()
    rest[full] = 0.0
    for k, results in enumerate(seeds @ rest.T):
        directions.read(k, results, data)
    found = s.matrix(data).toarray()
    assert np.isnan(found[full][matrix[full] != 0]).all()
    found[full] = matrix[full]
    assert np.array_equal(found, matrix)


def banded(n, width):
    i = np.arange(n)
    return abs(i[:, None] - i) <= width


def test_bands_and_arrows_take_few_colours():
    assert _structures.jacobian_directions(structure(banded(50, 1))).n_colours == 3
    assert _structures.jacobian_directions(structure(banded(50, 3))).n_colours == 7
    assert _structures.hessian_directions(structure(banded(50, 1))).n_colours == 3
    arrow = np.eye(80)
    arrow[:, 0] = arrow[0] = 1.0
    assert _structures.hessian_directions(structure(arrow)).n_colours == 2
    last = arrow[::-1, ::-1]
    assert _structures.hessian_directions(structure(last)).n_colours == 2
    tall = _structures.jacobian_directions(structure(np.ones((30, 2))))
    assert tall.forward
    assert tall.n_colours == 2
    wide = _structures.jacobian_directions(structure(np.ones((2, 30))))
    assert not wide.forward
    assert wide.n_colours == 2


def test_symmetrised_has_both_halves():
    s = structure([[0, 1, 0], [0, 2, 0], [3, 0, 0]]).symmetrised()
    found = s.pattern()
    assert found.toarray().tolist() == [[0, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert found.indices.dtype == np.int32


def test_places_outside_of_the_pattern():
    s = structure(np.eye(3))
    assert s.places([1, 2], [1, 2]).tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="outside of the pattern"):
        s.places([0], [1])


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(1, 300))
def test_unions_are_those_of_sets(seed, n, steps):
    rng = np.random.default_rng(seed)
    sets = IndexSets(n)
    ids, wanted = list(range(n + 1)), [frozenset(), *(frozenset([i]) for i in range(n))]
    for _ in range(steps):
        i, j = rng.integers(0, len(ids), 2)
        ids.append(int(sets.joined(np.int32([ids[i]]), np.int32([ids[j]]))[0]))
        wanted.append(wanted[i] | wanted[j])
    rows = rng.integers(0, len(ids), (4, 70)).astype(np.int32)
    row_ids = np.array(ids, dtype=np.int32)[rows]
    ids += sets.merged(row_ids).tolist()
    wanted += [frozenset().union(*(wanted[i] for i in row)) for row in rows]
    ids += sets.running(row_ids)[:, 30].tolist()
    wanted += [frozenset().union(*(wanted[i] for i in row[:31])) for row in rows]
    indptr, indices = sets.csr(np.array(ids, dtype=np.int32))
    for k, members in enumerate(wanted):
        assert indices[indptr[k] : indptr[k + 1]].tolist() == sorted(members)


def test_sums_of_many_terms_take_memory_in_proportion():
    n = 200_000
    sets = IndexSets(n)
    before = sets.nbytes
    total = sets.running(np.arange(1, n + 1, dtype=np.int32).reshape(1, -1))[0]
    assert sets.nbytes < 8 * before
    _indptr, indices = sets.csr(total[-1:])
    assert np.array_equal(indices, np.arange(n))


def test_a_large_pattern_that_is_full_is_refused():
    n = 1 << 14
    sets = IndexSets(n)
    every = sets.merged(np.arange(1, n + 1, dtype=np.int32).reshape(1, -1))
    with pytest.raises(MemoryError, match=r"the pattern is not sparse.*use products"):
        sets.csr(np.repeat(every, n))
