"""How many threads a step may use: the cores of this process, and the pools of the libraries."""

import importlib.util
import os
import time


def set_threads(n):
    """Keep this process on `n` cores; NumPy's products, tapead's programs and XLA use them all.

    PyTorch is told by its adapters. XLA reads its flags when it starts, so it has not by now.
    """
    import tapead

    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < n:
            raise NotImplementedError(f"there are {len(cores)} cores")
        os.sched_setaffinity(0, cores[-n:])
    tapead.set_num_threads(n)
    if n > 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=true"
    if limit_blas(n) is None and n > 1:
        raise NotImplementedError("OpenBLAS takes another number of threads by threadpoolctl")


def limit_blas(n):
    """Keep NumPy's products to `n` threads: a context, or for good; None without threadpoolctl."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return None
    from threadpoolctl import threadpool_limits

    return threadpool_limits(n, "blas")


def timer_for(n):
    """CPU time, which other programs do not change; the clock where threads share the work."""
    return time.process_time if n == 1 else time.perf_counter
