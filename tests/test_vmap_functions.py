"""vmap: every function of the table at all points at once, and every kind of index."""

import numpy as np
import pytest
from arrays import Sample, samples

import tapead
from tapead.testing import leaves

RNG = np.random.default_rng(0)
W = RNG.normal(size=(2, 3))


def close(found, expected, tolerance=1e-11):
    for x, y in zip(leaves(found), leaves(expected), strict=True):
        assert np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def loop(f, *args):
    """`f` of one point after the other, the results stacked."""
    results = [f(*point) for point in zip(*args, strict=True)]
    columns = zip(*map(leaves, results), strict=True)
    return [np.stack([np.asarray(x) for x in column]) for column in columns]


# -- the table -----------------------------------------------------------------------------

# NumPy does not ask an argument in this place for what answers it.
UNASKED = {("numpy.select-1", 1), ("numpy.pad-1", 1), ("numpy.pad-3", 1), ("numpy.full_like-0", 1)}


class Call:
    """A sample as a function of its float arrays."""

    def __init__(self, function, args, kwargs):
        self.sample = Sample(function, args, kwargs)
        self.arrays = self.sample.arrays

    def __call__(self, *arrays):
        queue = iter(arrays)
        args, kwargs = (filled(tree, queue) for tree in (self.sample.args, self.sample.kwargs))
        result = self.sample.function(*args, **kwargs)
        return list(result) if isinstance(result, tuple) else result


def filled(tree, queue):
    if isinstance(tree, np.ndarray) and tree.dtype.kind == "f":
        return next(queue)
    if isinstance(tree, list | tuple):
        return type(tree)([filled(item, queue) for item in tree])
    if isinstance(tree, dict):
        return {key: filled(value, queue) for key, value in tree.items()}
    return tree


def cases():
    """Samples with all arrays batched, and with each of them alone."""
    for name, function, args, kwargs in samples():
        if isinstance(function, str):  # a library's that is not NumPy's
            continue
        call = Call(function, args, kwargs)
        n = len(call.arrays)
        for which in ["all", *range(n)][: n + 1 if n > 1 else n]:
            if (name, which) not in UNASKED:
                axes = tuple(0 if which in ("all", i) else None for i in range(n))
                yield pytest.param(call, axes, id=f"{name}-{which}")


def points_of(call, axes):
    """Arguments with three points where they are mapped, as multiples of the sample's."""
    return [
        np.stack([x * (1.0 + 0.07 * k + 0.01 * j * k) for k in range(3)]) if axis == 0 else x
        for j, (x, axis) in enumerate(zip(call.arrays, axes, strict=True))
    ]


def at(args, axes, k):
    return [x[k] if axis == 0 else x for x, axis in zip(args, axes, strict=True)]


CASES = list(cases())


@pytest.mark.parametrize(("call", "axes"), CASES)
def test_vmap_of_a_function_is_the_loop(call, axes):
    args = points_of(call, axes)
    found = leaves(tapead.vmap(call, axes)(*args))
    expected = [leaves(call(*at(args, axes, k))) for k in range(3)]
    for x, column in zip(found, zip(*expected, strict=True), strict=True):
        y = np.stack([np.asarray(item) for item in column])
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def is_real(x):
    return isinstance(x, float | tapead.Var) or getattr(x, "dtype", np.dtype(int)).kind == "f"


@pytest.mark.parametrize(("call", "axes"), [case for case in CASES if "-all" in case.id])
def test_vmap_of_a_function_is_differentiated_as_the_loop(call, axes):
    args = points_of(call, axes)

    def mapped(*args):
        return [x for x in leaves(tapead.vmap(call, axes)(*args)) if x.dtype.kind == "f"]

    y, pullback = tapead.vjp(mapped, *args)
    seeds = [np.cos(np.arange(x.size) + 1.0).reshape(x.shape) for x in y]
    found = pullback(seeds)
    for k in range(3):
        z, back = tapead.vjp(lambda *a: list(filter(is_real, leaves(call(*a)))), *at(args, axes, k))
        seed = [s[k] if np.ndim(x) else float(s[k]) for s, x in zip(seeds, z, strict=True)]
        expected = back(seed)
        for x, w in zip(found, expected, strict=True):
            np.testing.assert_allclose(x[k], w, rtol=1e-8, atol=1e-9)


ROWS = {row.name: row for row in tapead.elementals.ROWS if row.public}


@pytest.mark.parametrize("name", ROWS)
def test_vmap_takes_tapead_s_own_functions(name):
    f = getattr(tapead, name)
    args = [low + (high - low) * np.linspace(0.3, 0.7, 4) for low, high in ROWS[name].domain]
    close([tapead.vmap(f)(*args)], loop(f, *args))
    close([tapead.vmap(tapead.grad(f))(*args)], loop(tapead.grad(f), *args))


# -- indices -------------------------------------------------------------------------------

CUBE = RNG.normal(size=(4, 3, 5, 2))
INDICES = {
    "an int": 1, "a slice": slice(1, None), "ellipsis": (..., 0), "an array": np.array([2, 0]),
    "new axes": (None, 1, ..., None), "a list": [0, 2, 2], "two arrays": (np.array([0, 1]), [3, 4]),
    "apart": (np.array([0, 1]), slice(None), np.array([1, 0])), "int, array": (0, slice(None), [1]),
    "a mask": np.array([True, False, True]), "an inner mask": (slice(None), np.arange(5) > 2),
    "in the middle": (slice(None), np.array([[0, 1], [2, 4]])),
}  # fmt: skip


@pytest.mark.parametrize("case", INDICES)
def test_vmap_indexes_every_point(case):
    index = INDICES[case]
    close([tapead.vmap(lambda x: x[index])(CUBE)], loop(lambda x: x[index], CUBE))

    def total(f):
        return lambda x: np.sum(np.sin(f(x)))

    mapped = tapead.grad(total(tapead.vmap(lambda x: x[index])))(CUBE)
    close([mapped], loop(tapead.grad(total(lambda x: x[index])), CUBE))


PLACES = np.array([2, 0, 1, 2])
BY_BATCHED = {
    "a number": lambda x, i: x[i],
    "behind": lambda x, i: x[:, i],
    "both": lambda x, i: x[i, ..., 1 - i // 2],
    "with an array": lambda x, i: x[:, i, np.array([0, 1])],
    "take": lambda x, i: np.take(x, i, axis=1),
    "from a plain one": lambda x, i: np.take_along_axis(W, np.stack([i, i])[:, None], axis=1),
    "the largest": lambda x, i: x[np.argmax(x[:, 0, 0])],
}


@pytest.mark.parametrize("case", BY_BATCHED)
def test_vmap_indexes_by_batched_integers(case):
    f = BY_BATCHED[case]
    close([tapead.vmap(f)(CUBE, PLACES)], loop(f, CUBE, PLACES))


def written(index):
    def f(x, y):
        out = np.zeros_like(x)
        out[index] = y * 2.0
        out[0] += 1.0
        return out

    return f


@pytest.mark.parametrize("case", INDICES)
def test_vmap_writes_to_every_point(case):
    index = INDICES[case]
    ys = np.stack([x[index] for x in CUBE])
    close([tapead.vmap(written(index))(CUBE, ys)], loop(written(index), CUBE, ys))
    close([tapead.vmap(written(index), (0, None))(CUBE, ys[0])],
          loop(lambda x: written(index)(x, ys[0]), CUBE))  # fmt: skip


def test_vmap_writes_at_batched_places():
    def f(x, i):
        x = x.copy()
        x[i] = 0.0
        return x

    close([tapead.vmap(f)(CUBE, PLACES)], loop(f, CUBE, PLACES))
