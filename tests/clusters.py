"""A cluster of two processes for the tests of a module, which may end its workers."""

import collections
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

dask = pytest.importorskip("distributed", reason="a cluster needs the distributed extra")

PointOf = collections.namedtuple("PointOf", "x y")  # workers import it from this module


@contextmanager
def connected():
    """A client of two workers with one thread each; no thread is left behind."""
    from dask import config

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # dask's own
        with (
            config.set({"distributed.scheduler.no-workers-timeout": "60s"}),
            dask.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": ":0"},  # its server takes 8787 without one
            ) as cluster,
            dask.Client(cluster) as client,
        ):
            client.wait_for_workers(2, timeout=60)
            yield client
    dask.utils._offload_executor.shutdown()
    dask.utils._offload_executor = ThreadPoolExecutor(1, thread_name_prefix="Dask-Offload")
