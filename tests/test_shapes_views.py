"""Views alias and writes through them are differentiated; what moves elements moves no more."""

import numpy as np
import pytest
from arrays import Sample, difference, directions, flat, samples
from hypothesis import given
from hypothesis import strategies as st

import tapead
from tapead.primitives import FUNCTIONS

X = np.random.default_rng(7).normal(size=(2, 3, 4))
Y = np.random.default_rng(8).normal(size=3)

# Functions of an array of shape (2, 3, 4) whose result NumPy lets one write to.
VIEWS = {
    "transpose": lambda a: np.transpose(a, (1, 2, 0)),
    "T": lambda a: a.T,
    "swapaxes": lambda a: np.swapaxes(a, 0, -1),
    "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "rollaxis": lambda a: np.rollaxis(a, 2),
    "expand_dims": lambda a: np.expand_dims(a, (0, -1)),
    "squeeze": lambda a: np.squeeze(a[:, 1:2], 1),
    "reshape": lambda a: np.reshape(a, (4, -1)),
    "reshape method": lambda a: a.reshape(6, 4),
    "reshape in Fortran order": lambda a: np.reshape(a.T, (4, 6), order="F"),
    "ravel": np.ravel,
    "ravel in order of memory": lambda a: np.ravel(a.T, order="K"),
    "flip": lambda a: np.flip(a, (0, 2)),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "rot90": lambda a: np.rot90(a, -1, (1, 2)),
    "atleast_3d": lambda a: np.atleast_3d(a[0, 0]),
    "split": lambda a: np.split(a, [1, 3], axis=2)[1],
    "array_split": lambda a: np.array_split(a, 3, axis=-1)[0],
    "hsplit": lambda a: np.hsplit(a, 3)[2],
    "vsplit": lambda a: np.vsplit(a, 2)[1],
    "dsplit": lambda a: np.dsplit(a, 2)[0],
    "slice": lambda a: a[:, ::-2, 1:3],
    "real": np.real,
    "view of a view": lambda a: np.reshape(a[1], -1)[::3],
}
COPIES = {
    "copy": np.copy,
    "copy method": lambda a: a.copy(),
    "flatten": lambda a: a.flatten(),
    "ravel of a transpose": lambda a: np.ravel(a.T),
    "ravel of a slice": lambda a: np.ravel(a[:, 1:]),
    "reshape that cannot be a view": lambda a: np.reshape(a[:, 1:], 16),
    "take": lambda a: np.take(a, 1, axis=0),
    "advanced index": lambda a: a[[0, 1]],
    "mask": lambda a: a[np.ones(a.shape, bool)],
    "tile": lambda a: np.tile(a, 1),
    "repeat": lambda a: np.repeat(a, 1, axis=0),
    "roll": lambda a: np.roll(a, 0),
    "concatenate": lambda a: np.concatenate([a]),
    "conj": np.conj,
}  # fmt: skip


def weights(a):
    return np.cos(np.arange(a.size)).reshape(a.shape)


def check(f, *arrays):
    """Value, forward and reverse mode of a function of arrays, against NumPy and differences."""
    tangents = directions(arrays)
    value, pullback = tapead.vjp(f, *arrays)
    dots = tapead.jvp(f, tuple(arrays), tuple(tangents))[1]
    np.testing.assert_allclose(value, f(*arrays), rtol=1e-13)
    expected = difference(lambda *xs: [f(*xs)], arrays, tangents)
    np.testing.assert_allclose(flat([dots]), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(flat(pullback(1.0)) @ flat(tangents), dots, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_view_shares_memory(view):
    def f(x):
        a = np.copy(x)
        assert np.shares_memory(view(a), a)
        return np.sum(view(a))

    f(X)
    tapead.grad(f)(X)


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copy_shares_no_memory(copy):
    def f(x):
        a = np.copy(x)
        b = copy(a)
        assert not np.shares_memory(a, b)
        b[...] = 0.0
        return np.sum(a * a)

    np.testing.assert_array_equal(tapead.grad(f)(X), 2 * X)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_write_through_a_view_reaches_the_base(view):
    def f(x, y):
        a = x * 1.0
        v = view(a)
        v[0] = np.sin(v[0]) * y[0]
        v[..., -1] += y[1]
        v *= y[2]
        return np.sum(a * a * weights(a))

    check(f, X, Y)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_write_to_the_base_shows_in_a_view(view):
    def f(x, y):
        a = x * 1.0
        v = view(a)
        before = np.sum(v * v)
        a[0, 1] = np.exp(a[1, 2]) * y[0]
        a[:, :, 2] = y[1] * a[:, :, 0]
        return before * y[2] + np.sum(v * v * weights(v))

    check(f, X, Y)


@pytest.mark.parametrize("view", [np.transpose, np.ravel, lambda a: a[::-1]])
def test_two_views_see_each_other(view):
    def f(x, y):
        a = x * 1.0
        v, w = view(a), np.swapaxes(a, 0, 2)
        v[1] = y[0] * v[0]
        w[3] = np.sin(w[1]) * y[1]
        return np.sum(v * v * weights(v)) + np.sum(w[0])

    check(f, X, Y)


ALIASES = {
    "broadcast_to": lambda a: np.broadcast_to(a[:, :1], (2, 2, 3, 4)),
    "broadcast_arrays": lambda a: np.broadcast_arrays(a[:, :1], np.ones((2, 3, 4)))[0],
    "diagonal": lambda a: np.diagonal(a, 1, axis1=2, axis2=0),
    "diag": lambda a: np.diag(a[0], -1),
    "sliding_window_view": lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=-1),
}


@pytest.mark.parametrize("view", ALIASES.values(), ids=ALIASES)
def test_read_only_view_sees_a_write_to_the_base(view):
    def f(x, y):
        a = x * 1.0
        v = view(a)
        assert np.shares_memory(v, a)
        a[:, 0] = a[:, 1] * y[0]
        return np.sum(v * v * weights(v))

    check(f, X, Y)


STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(VIEWS)), st.integers(0, 3), st.integers(0, 2)),
    min_size=1, max_size=6,
)  # fmt: skip


@given(STEPS)
def test_any_sequence_of_views_and_writes(steps):
    def f(x, y):
        a = x * 1.0
        views = [a]
        for name, kind, k in steps:
            v = VIEWS[name](a)
            w = views[k % len(views)]
            if kind == 0:
                v[...] = v * y[k]
            elif kind == 1:
                v[-1:] = np.sin(w.ravel()[k]) + y[k]
            elif kind == 2:
                w += y[k] * np.sum(v)
                w /= 1.0 + w.size
            views.append(v)
        return sum(np.sum(v * weights(v)) for v in views)

    check(f, X, Y)


# In place: (function of a traced array of shape (3, 4) and values of shape (3,))
IN_PLACE = {
    "put": lambda a, y: np.put(a, [0, 5, -1], y),
    "put, twice the same": lambda a, y: np.put(a, [2, 7, 2], y),
    "put, fewer values": lambda a, y: np.put(a, [0, 5, 7, 9, 11], y),
    "put, wrapped": lambda a, y: np.put(a, [13, -14, 5], y, mode="wrap"),
    "put, clipped": lambda a, y: np.put(a, [-3, 99, 5], y, mode="clip"),
    "put method": lambda a, y: a.put([1, 2, 3], y),
    "put through a view": lambda a, y: np.put(a.T, [0, 5, 9], y),
    "put_along_axis": lambda a, y: np.put_along_axis(
        a, np.array([[1], [0], [3]]), y[:, None], axis=1
    ),
    "put_along_axis, flat": lambda a, y: np.put_along_axis(a, np.array([1, 7, 3]), y, None),
    "place": lambda a, y: np.place(a, weights(a) > 0, y),
    "putmask": lambda a, y: np.putmask(a, weights(a) > 0, y),
    "putmask, as many": lambda a, y: np.putmask(a, weights(a) > 0, np.sin(a) * y[0]),
    "copyto": lambda a, y: np.copyto(a, y[:, None]),
    "copyto where": lambda a, y: np.copyto(a, y[:, None], where=weights(a) > 0),
    "copyto where broadcast": lambda a, y: np.copyto(a, a * y[1], where=[True, False, True, True]),
    "fill_diagonal": np.fill_diagonal,
    "fill_diagonal, one number": lambda a, y: np.fill_diagonal(a, y[1]),
    "fill_diagonal of a tall one": lambda a, y: np.fill_diagonal(a.T, y),
    "fill_diagonal, wrapped": lambda a, y: np.fill_diagonal(a.reshape(6, 2), y, wrap=True),
    "nan_to_num": lambda a, y: np.nan_to_num(np.divide(a, y[0], out=a), copy=False),
    "out of take": lambda a, y: np.take(y, [0, 2, 1], out=a[:, 1]),
    "out of concatenate": lambda a, y: np.concatenate([y, y, y, y], out=a.reshape(-1)),
    "out of stack": lambda a, y: np.stack([y, y * y, y, y], axis=1, out=a),
}


@pytest.mark.parametrize("write", IN_PLACE.values(), ids=IN_PLACE)
def test_function_in_place(write):
    def f(x, y):
        a = x * 1.0
        write(a, y)
        return np.sum(a * a * weights(a))

    check(f, X[0], Y)


@pytest.mark.parametrize("write", [f for k, f in IN_PLACE.items() if "nan" not in k])
def test_traced_value_is_not_written_to_a_plain_array(write):
    with pytest.raises(TypeError, match=r"derivative|traced"):
        tapead.grad(lambda y: np.sum(y) + (write(np.ones((3, 4)), y) or 0.0))(Y)


MOVING = ("_shapes", "_joins", "_indexing", "_creation")
COMPUTING = ("numpy.geomspace", "maximum", "minimum")
MOVES = [
    pytest.param(Sample(function, args, kwargs), id=name)
    for name, function, args, kwargs in samples()
    if FUNCTIONS[function].call.__module__.endswith(MOVING)
    and not any(str(x) in COMPUTING for x in (FUNCTIONS[function].name, *args))
]


@pytest.mark.parametrize("f", MOVES)
def test_no_path_stays_no_path(f):
    """What `where` does not take keeps 0 x inf out of the adjoint, whatever moved it before."""

    def g(*arrays):
        found = f(*(np.sqrt(x) for x in arrays))
        return sum(np.sum(np.where(np.zeros(np.shape(y), bool), y, 0.0)) for y in found)

    zeros = [np.zeros_like(x) for x in f.arrays]
    for bar in tapead.grad(g, tuple(range(len(zeros))))(*zeros):
        np.testing.assert_array_equal(bar, 0.0)


EMPTY = {
    "reshape": lambda a: np.reshape(a, (3, 0, 2)),
    "ravel": np.ravel,
    "transpose": np.transpose,
    "squeeze": lambda a: np.squeeze(a[:, :1], 1),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 0, 3)),
    "flip": np.flip,
    "split": lambda a: np.split(a, 3, axis=1)[2],
    "concatenate": lambda a: np.concatenate([a, np.ones((2, 3)), a]),
    "stack": lambda a: np.stack([a, a], axis=-1),
    "tile": lambda a: np.tile(a, (2, 2)),
    "tile, no times": lambda a: np.tile(np.ones((2, 3)) + np.sum(a), (0, 2)),
    "repeat": lambda a: np.repeat(a, 2, axis=1),
    "roll": lambda a: np.roll(a, 1),
    "pad": lambda a: np.pad(a, 1),
    "pad by edges": lambda a: np.pad(a, ((0, 0), (1, 2)), "edge"),
    "take": lambda a: np.take(a, [0, 2], axis=1),
    "take nothing": lambda a: np.take(a, [], axis=0),
    "delete": lambda a: np.delete(a, 1, axis=1),
    "insert": lambda a: np.insert(a, 0, 1.0, axis=0),
    "resize": lambda a: np.resize(a, (0, 4)),
    "tril": np.tril,
    "diagonal": np.diagonal,
    "diag": lambda a: np.diag(a[:, 0]),
    "meshgrid": lambda a: np.meshgrid(a[:, 0], np.ones(2))[0],
    "copy": np.copy,
    "zeros_like": np.zeros_like,
}


@pytest.mark.parametrize("f", EMPTY.values(), ids=EMPTY)
def test_array_without_elements(f):
    x = np.ones((0, 3))
    y, pullback = tapead.vjp(f, x)
    assert y.shape == f(x).shape
    np.testing.assert_array_equal(y, f(x))
    assert pullback(np.ones(y.shape))[0].shape == x.shape


NOWHERE = {
    "slice": lambda a: a[2:, 1:1],
    "reversed": lambda a: a[::-1, ::-1][2:],
    "broadcast": lambda a: a[:1, 0] - a[0, 3:],
}


@pytest.mark.parametrize("f", NOWHERE.values(), ids=NOWHERE)
def test_view_of_nothing_leaves_zeros(f):
    x = np.arange(6.0).reshape(2, 3)
    for slope in 0.0, 1.0:
        found = tapead.grad(lambda x, slope=slope: np.sum(f(x)) + slope * np.sum(x))(x)
        np.testing.assert_array_equal(found, np.full_like(x, slope))


OPERAND_SHAPES = [(), (1,), (4,), (3, 1), (1, 4), (2, 1, 1), (2, 1, 4), (1, 3, 1), (2, 3, 4)]


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", OPERAND_SHAPES, ids=str)
def test_adjoint_of_a_broadcast_operand_is_the_sum(shape, order, dtype, absent):
    a = np.array(np.random.default_rng(9).normal(size=(2, 3, 4)), dtype, order=order)
    taken = a > -0.5
    wanted = np.where(taken, a, 0.0) if absent else a
    lead = a.ndim - len(shape)
    axes = tuple(i for i in range(a.ndim) if i < lead or shape[i - lead] == 1)
    wanted = np.sum(wanted, axis=axes, keepdims=True).reshape(shape)

    def f(b):
        y = (b + np.zeros_like(a)) * a
        return np.sum(np.where(taken, y, 0.0) if absent else y)

    found = tapead.grad(f)(np.ones(shape, dtype))
    np.testing.assert_allclose(found, wanted, rtol=10 * np.finfo(dtype).eps, atol=1e-6)


def test_operands_that_share_an_adjoint_do_not_share_its_changes():
    def f(x, y):
        total = x + y  # hands its adjoint on to both
        y[0] = 5.0
        return np.sum(total * total * y) + np.sum(np.sin(x))

    def by_hand(x, y):
        w = 2 * (x + y) * np.array([5.0, *y[1:]])
        return w + np.cos(x), w + np.array([0.0, *((x + y) ** 2)[1:]])

    x, y = np.array([0.3, 0.7, 1.1]), np.array([1.0, 2.0, 3.0])
    found = tapead.grad(lambda p: f(p[0], p[1].copy()))((x, y))
    np.testing.assert_allclose(found, by_hand(x, y), rtol=1e-14)


# What NumPy refuses, of an array of shape (2, 3).
ERRORS = {
    "reshape": lambda a: np.reshape(a, (4, -1)),
    "reshape, order": lambda a: np.reshape(a, 6, order="Z"),
    "transpose": lambda a: np.transpose(a, (0, 0)),
    "swapaxes": lambda a: np.swapaxes(a, 0, 2),
    "squeeze": lambda a: np.squeeze(a, 0),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, 4)),
    "split": lambda a: np.split(a, 2, axis=1),
    "array_split": lambda a: np.array_split(a, 0),
    "vsplit": lambda a: np.vsplit(a[0], 1),
    "dsplit": lambda a: np.dsplit(a, 1),
    "concatenate": lambda a: np.concatenate([a, a[0]]),
    "concatenate, shapes": lambda a: np.concatenate([a, a[:, 1:]]),
    "concatenate, axis": lambda a: np.concatenate([a, a], axis=2),
    "concatenate, casting": lambda a: np.concatenate([a], dtype=np.float32, casting="safe"),
    "stack": lambda a: np.stack([a, a[0]]),
    "block": lambda a: np.block([[a], a]),
    "take": lambda a: np.take(a, 6),
    "take, axis": lambda a: np.take(a, 0, axis=2),
    "take, indices": lambda a: np.take(a, np.array([0.5])),
    "take, mode": lambda a: np.take(a, 0, mode="bounce"),
    "take_along_axis": lambda a: np.take_along_axis(a, np.array([0]), 1),
    "put": lambda a: np.put(a, 6, 1.0),
    "putmask": lambda a: np.putmask(a, [True], 1.0),
    "place": lambda a: np.place(a, a > -9, []),
    "fill_diagonal": lambda a: np.fill_diagonal(a[0], 1.0),
    "insert": lambda a: np.insert(a, 7, 1.0),
    "delete": lambda a: np.delete(a, 3, axis=1),
    "repeat": lambda a: np.repeat(a, [1, 2], axis=1),
    "select": lambda a: np.select([a > 0], [a, a]),
    "select, conditions": lambda a: np.select([[1, 0, 1]], [a]),
    "choose": lambda a: np.choose([0, 2, 1], a),
    "compress": lambda a: np.compress([[True]], a),
    "diag": lambda a: np.diag(a[None]),
    "pad": lambda a: np.pad(a, -1),
    "pad, width": lambda a: np.pad(a, 0.5),
    "pad, mode": lambda a: np.pad(a, 1, "mirror"),
    "pad, keyword": lambda a: np.pad(a, 1, "edge", constant_values=1.0),
    "resize": lambda a: np.resize(a, (-1, 2)),
}


@pytest.mark.parametrize("f", ERRORS.values(), ids=ERRORS)
def test_error_is_numpy_s(f):
    with pytest.raises(Exception) as expected:  # noqa: PT011, whichever it is
        f(np.ones((2, 3)))
    with pytest.raises(expected.type):
        tapead.vjp(lambda x: f(x * 1.0), np.ones((2, 3)))
