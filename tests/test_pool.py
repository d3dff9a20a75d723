"""Memory for arrays: kept for reuse, given back by NumPy, bounded while it is idle."""

import os
import pickle
import subprocess
import sys
import textwrap
import threading
import tracemalloc

import numpy as np
import pytest

from tapead import _kernels

try:
    from numpy._core.multiarray import get_handler_name
except ImportError:  # NumPy 1
    from numpy.core.multiarray import get_handler_name

DOUBLE, SINGLE = np.dtype(np.float64).num, np.dtype(np.float32).num
DTYPES = {DOUBLE: np.float64, SINGLE: np.float32}
SHAPES = [(), (0,), (1,), (7,), (3, 4), (2, 0, 3), (5, 1, 2), (1000, 100)]
LAYOUTS = {
    "C": np.empty((3, 4, 5)),
    "F": np.empty((3, 4, 5), order="F"),
    "permuted": np.empty((3, 4, 5)).transpose(1, 0, 2),
    "cut": np.empty((6, 4, 9))[::2, :, ::3],
    "turned": np.empty((3, 4))[::-1, ::-1],
    "0-d": np.empty(()),
}


@pytest.fixture
def statistics():
    """The statistics of a pool without idle buffers, as a function."""
    _kernels.trim_pool()
    return _kernels.pool_statistics


@pytest.mark.parametrize("typenum", [DOUBLE, SINGLE])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_are_ordinary_ones(shape, typenum):
    a = _kernels.array(shape, typenum)
    assert type(a) is np.ndarray
    assert (a.shape, a.dtype.num) == (shape, typenum)
    assert all(a.flags[name] for name in ("OWNDATA", "WRITEABLE", "C_CONTIGUOUS", "ALIGNED"))
    assert a.base is None
    assert a.ctypes.data % 64 == 0
    assert get_handler_name(a) == "tapead"
    a[...] = 1.5
    assert (pickle.loads(pickle.dumps(a)) == 1.5).all()


@pytest.mark.parametrize("typenum", [DOUBLE, SINGLE])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_like_another_array_in_the_order_of_its_memory(layout, typenum):
    a = LAYOUTS[layout]
    wanted = np.empty_like(a, dtype=DTYPES[typenum])
    got = _kernels.like(a, typenum)
    assert (got.shape, got.strides, got.dtype) == (wanted.shape, wanted.strides, wanted.dtype)


def test_like_a_broadcast_array_keeps_its_axes_in_order():
    got = _kernels.like(np.broadcast_to(np.empty((4, 1, 2)), (3, 4, 5, 2)), DOUBLE)
    assert got.flags.c_contiguous


def test_buffers_are_used_again(statistics):
    address = _kernels.array((1000,), DOUBLE).ctypes.data
    reused = statistics()["reused"]
    assert _kernels.array((990,), DOUBLE).ctypes.data == address
    assert statistics()["reused"] == reused + 1


def test_statistics_add_up(statistics):
    before = statistics()
    assert before["idle"] == 0
    arrays = [_kernels.array((n,), SINGLE) for n in range(1, 5000, 7)]
    held = statistics()["in_use"] - before["in_use"]
    wanted = sum(a.nbytes for a in arrays)
    assert wanted <= held <= 1.25 * wanted + 64 * len(arrays)
    assert statistics()["peak"] >= statistics()["in_use"]
    del arrays
    assert statistics()["in_use"] == before["in_use"]
    assert statistics()["idle"] == held
    _kernels.trim_pool(held // 2)
    assert 0 < statistics()["idle"] <= held // 2
    _kernels.trim_pool()
    assert statistics()["idle"] == 0


def test_idle_memory_is_bounded(statistics):
    limit = max(statistics()["limit"], statistics()["peak"] // 4)
    for n in range(12):
        arrays = [_kernels.array((2**20 + 2**18 * n,), DOUBLE) for _ in range(6)]
        del arrays
        assert statistics()["idle"] <= limit
    address = _kernels.array((100,), DOUBLE).ctypes.data  # the pool still serves
    assert _kernels.array((100,), DOUBLE).ctypes.data == address


def test_resized_arrays_keep_their_numbers(statistics):
    before = statistics()["in_use"]
    a = _kernels.array((10,), DOUBLE)
    a[:] = np.arange(10)
    for n in (1000, 900, 20, 10**5, 10):
        a.resize(n, refcheck=False)
        assert (a[:10] == np.arange(10)).all()
    del a
    assert statistics()["in_use"] == before


def test_views_keep_the_memory():
    a = _kernels.array((1000,), DOUBLE)
    a[:] = 2.0
    view = a[10:20].reshape(2, 5)
    address = a.ctypes.data
    del a
    assert _kernels.array((1000,), DOUBLE).ctypes.data != address
    assert (view == 2.0).all()


def test_arrays_without_an_address_are_refused():
    with pytest.raises(ValueError, match="too big"):
        _kernels.array((2**40, 2**40), DOUBLE)
    with pytest.raises(MemoryError):
        _kernels.array((2**59,), DOUBLE)


def test_tracemalloc_sees_arrays():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        a = _kernels.array((10**6,), DOUBLE)
        assert tracemalloc.get_traced_memory()[0] - before >= 8 * 10**6
        del a
        assert tracemalloc.get_traced_memory()[0] - before < 10**5
    finally:
        tracemalloc.stop()


def test_threads_share_the_pool():
    def work(seed):
        rng = np.random.default_rng(seed)
        held = []
        for n in rng.integers(1, 3000, 2000):
            a = _kernels.array((int(n),), DOUBLE)
            a[:] = seed
            held.append(a)
            if len(held) > 20:
                wrong.append((held.pop(int(rng.integers(20))) != seed).any())
        wrong.extend((a != seed).any() for a in held)

    wrong = []
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 8000
    assert not any(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_a_pool_of_its_own():
    script = """
        import os
        import numpy as np
        from tapead import _kernels
        a = _kernels.array((1000,), 12)
        a[:] = 1.0
        child = os.fork()
        del a
        b = [_kernels.array((1000,), 12) for _ in range(10)]
        for array in b:
            array[:] = 2.0
        if child == 0:
            os._exit(0 if all((array == 2.0).all() for array in b) else 1)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
