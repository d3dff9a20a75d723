"""Structures: the pattern of a sparse matrix, and the directions that its entries are read from.

Columns that share no row can be pushed through together: one direction per colour, and every entry
stands alone somewhere in what comes out. Matrices are `scipy.sparse.csr_array`, whose indices are
int32 and sorted; all entries of the pattern are there, also those that are 0 at some point.
"""

import functools

import numpy as np

from tapead._sparsity import (
    StarColouring,
    column_colours,
    column_work,
    largest_first,
    transposed_pattern,
)

MOST_WORK = 2.0**30  # steps of a colouring of columns: a second


@functools.cache
def _csr_array():
    from scipy.sparse import csr_array

    return csr_array


class Structure:
    """The pattern of a matrix: `indptr`, `indices` and `shape` as those of a csr_array."""

    __slots__ = ("attributes", "indices", "indptr", "shape")

    def __init__(self, indptr, indices, shape):
        self.indptr, self.indices, self.shape = indptr, indices, shape
        self.attributes = None

    @property
    def nnz(self):
        """Number of entries."""
        return len(self.indices)

    def rows(self):
        """Row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))

    def keys(self):
        """Row times the number of columns, plus column, of each entry: in order."""
        return self.rows().astype(np.int64) * self.shape[1] + self.indices

    def columns(self):
        """The pattern by its columns: ``indptr``, ``indices``, and where each entry comes from."""
        return transposed_pattern(self.indptr, self.indices, self.shape[1])

    def transposed(self):
        """Structure of the transposed matrix, and where each of its entries comes from."""
        indptr, indices, origins = self.columns()
        return Structure(indptr, indices, self.shape[::-1]), origins

    def symmetrised(self):
        """Structure with every entry of the transposed matrix as well."""
        other, _ = self.transposed()
        if np.array_equal(other.indptr, self.indptr) and np.array_equal(
            other.indices, self.indices
        ):
            return self
        n = self.shape[1]
        rows, columns = np.divmod(np.union1d(self.keys(), other.keys()), max(n, 1))
        counts = np.bincount(rows, minlength=n)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return Structure(indptr, columns.astype(np.int32), self.shape)

    def places(self, rows, columns):
        """Where entries stand in the data."""
        wanted = np.asarray(rows, dtype=np.int64) * self.shape[1] + columns
        keys = self.keys()
        found = np.searchsorted(keys, wanted)
        if np.any(found == len(keys)) or not np.array_equal(keys[found], wanted):
            raise RuntimeError("an entry stands outside of the pattern; please report this")
        return found

    def matrix(self, data):
        """A csr_array of these entries; its arrays are its own."""
        if self.attributes is None:
            self.attributes = vars(self.made(np.zeros(self.nnz)))
        kind = _csr_array()
        found = kind.__new__(kind)  # the constructor would look through all indices
        found.__dict__ = attributes = self.attributes.copy()
        attributes["data"] = data
        attributes["indices"], attributes["indptr"] = self.indices.copy(), self.indptr.copy()
        return found

    def made(self, data):
        """A csr_array by the constructor."""
        found = _csr_array()((data, self.indices.copy(), self.indptr.copy()), shape=self.shape)
        found.has_sorted_indices = found.has_canonical_format = True
        return found

    def pattern(self):
        """A csr_array of True."""
        return self.made(np.ones(self.nnz, dtype=bool))


class Directions:
    """What is pushed through, and where entries are read from what comes out.

    Parameters
    ----------
    forward : bool
        Whether columns are grouped; else rows.
    colours : ndarray of int32
        Group of each column, or row.
    n_colours : int
    read_at : tuple of ndarray
        Per entry: the group in whose results it stands, and where.
    """

    __slots__ = ("colours", "forward", "n_colours", "order", "places", "starts")

    def __init__(self, forward, colours, n_colours, read_at):
        self.forward, self.colours, self.n_colours = forward, colours, n_colours
        groups, places = read_at
        self.order = np.argsort(groups, kind="stable").astype(np.int32)
        self.places = places[self.order].astype(np.int32)
        counts = np.bincount(groups, minlength=n_colours)
        self.starts = np.concatenate([[0], np.cumsum(counts)]).tolist()

    def read(self, k, results, data):
        """Put the entries that stand in the results of group `k` into `data`."""
        part = slice(self.starts[k], self.starts[k + 1])
        data[self.order[part]] = results[self.places[part]]

    def seeds(self, start, stop, absent=0.0, dtype=np.float64):
        """Directions `start` to `stop` - 1: 1 in their places, `absent` elsewhere."""
        out = np.full((stop - start, len(self.colours)), absent, dtype)
        mine = np.flatnonzero((self.colours >= start) & (self.colours < stop))
        out[self.colours[mine] - start, mine] = 1.0
        return out


def column_directions(structure):
    """Directions by which columns are told apart."""
    colours, n_colours = grouped(structure.indptr, structure.indices, structure.columns()[:2])
    return Directions(True, colours, n_colours, (colours[structure.indices], structure.rows()))


def row_directions(structure):
    """Directions by which rows are told apart."""
    indptr, indices, _ = structure.columns()
    colours, n_colours = grouped(indptr, indices, (structure.indptr, structure.indices))
    return Directions(False, colours, n_colours, (colours[structure.rows()], structure.indices))


def jacobian_directions(structure):
    """Columns or rows, whichever take fewer directions; columns if they are as many."""
    indptr, _, _ = structure.columns()
    most = [int(np.diff(p).max(initial=0)) for p in (structure.indptr, indptr)]  # at least so many
    makers = [column_directions, row_directions]
    first = 0 if most[0] <= most[1] else 1
    found = makers[first](structure)
    if found.n_colours <= most[1 - first]:
        return found
    other = makers[1 - first](structure)
    return min(found, other, key=lambda d: (d.n_colours, not d.forward))


def without_full_rows(structure, most):
    """Directions of a pattern without its fullest rows, and these rows.

    They take a direction each. None if all together are more than `most`.
    """
    counts = np.diff(structure.indptr)
    order = np.argsort(-counts, kind="stable")
    least = np.arange(len(order)) + counts[order]  # directions with so many rows taken out
    n = int(np.argmin(least)) if len(order) else 0
    if n == 0 or least[n] > most:
        return None
    full = np.sort(order[:n])
    kept = np.flatnonzero(~np.isin(structure.rows(), full))
    counts[full] = 0
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    found = column_directions(Structure(indptr, structure.indices[kept], structure.shape))
    found.order = kept[found.order]
    return (found, full.tolist()) if found.n_colours + n <= most else None


def grouped(indptr, indices, columns):
    """Colours of the columns of a pattern that is given by its rows and by its columns."""
    n = len(columns[0]) - 1
    if column_work(indptr) > MOST_WORK:
        return np.arange(n, dtype=np.int32), n
    least = int(np.diff(indptr).max(initial=0))
    found = column_colours((indptr, indices), columns, np.arange(n, dtype=np.int32))
    if found[1] > least:
        other = column_colours((indptr, indices), columns, largest_first(columns[0]))
        found = min(found, other, key=lambda pair: pair[1])
    return found


def hessian_directions(structure):
    """Directions of a symmetric pattern, where an entry may be read from its mirror image."""
    n = structure.shape[0]
    if 4 * structure.nnz > n * n:
        return column_directions(structure)
    best = None
    for order in (np.arange(n, dtype=np.int32), largest_first(structure.indptr)):
        found = StarColouring(structure.indptr, structure.indices, order)
        if found.done and (best is None or found.n_colours < best.n_colours):
            best = found
    if best is None:
        return column_directions(structure)
    return Directions(True, best.colours, best.n_colours, best.read_at())
