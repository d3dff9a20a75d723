"""Greeks of an Asian option from 100,000 paths, on two processes of this machine.

A call on the mean of 64 prices of a geometric Brownian motion, S_k = S_{k-1} exp(d + s z_k) with
d = (r - v^2/2) T/64 and s = v sqrt(T/64):

    value = exp(-r T) E max(0, mean S_k - K)

Its derivatives by spot, volatility, rate and expiry are those of each path, averaged. The workers
of a dask cluster draw the paths themselves, and sums alone come back. Beside them stands the same
for the geometric mean, which is lognormal: that value has a closed form, and so have its
derivatives (A. G. Z. Kemna and A. C. F. Vorst, A pricing method for options based on average asset
values, Journal of Banking and Finance 14, 1990). Without dask, which
`pip install 'tapead[distributed]'` brings, this process does all shards, and prints the same
numbers.
"""

import contextlib
import importlib
import importlib.util

import numpy as np

import tapead
from tapead import distributed

N_PATHS, N_STEPS, STRIKE = 100_000, 64, 100.0
MARKET = (100.0, 0.2, 0.05, 1.0)
GREEKS = ("value", "delta", "vega", "rho", "theta")  # theta by the time to expiry


def payoffs(spot, volatility, rate, expiry, normals):
    """Discounted payoff of one path, by the arithmetic and by the geometric mean."""
    dt = expiry / N_STEPS
    drift, spread = (rate - 0.5 * volatility**2) * dt, volatility * tapead.sqrt(dt)
    walk, area, logs = 0.0, 0.0, 0.0
    for z in normals:
        walk = walk + drift + spread * z
        area = area + tapead.exp(walk)
        logs = logs + walk
    discount = tapead.exp(-rate * expiry)
    means = spot * area / N_STEPS, spot * tapead.exp(logs / N_STEPS)
    return [discount * tapead.relu(mean - STRIKE) for mean in means]


def closed_form(spot, volatility, rate, expiry):
    """Value for the geometric mean, whose logarithm is normal."""
    n = N_STEPS
    mean = (rate - 0.5 * volatility**2) * expiry * (n + 1) / (2 * n)
    deviation = volatility * tapead.sqrt(expiry * (n + 1) * (2 * n + 1) / (6 * n * n))
    upper = (tapead.log(spot / STRIKE) + mean) / deviation + deviation
    forward = spot * tapead.exp(mean + 0.5 * deviation**2)
    value = forward * tapead.ndtr(upper) - STRIKE * tapead.ndtr(upper - deviation)
    return tapead.exp(-rate * expiry) * value


def draw(rng, n):
    """Normals of n paths."""
    return rng.standard_normal((n, N_STEPS))


def greeks(which, client):
    """Value and derivatives by the mean over all paths; which is 0 for the arithmetic one."""
    example = (*MARKET, np.zeros(N_STEPS))
    program = tapead.record(
        lambda *args: payoffs(*args)[which], *example, argnums=(0, 1, 2, 3), arrays=False
    )
    normals = distributed.Drawn(draw, N_PATHS, seed=1)
    value, slopes = distributed.map(
        program, *MARKET, normals, in_axes=(None, None, None, None, 0), client=client,
        what="value_and_grad", reduction="mean", shard=5_000,
    )  # fmt: skip
    return np.array([value, *slopes])


@contextlib.contextmanager
def cluster():
    """A client of two workers with one thread each; None without dask."""
    if importlib.util.find_spec("distributed") is None:
        yield None
        return
    dask = importlib.import_module("distributed")
    with (
        dask.LocalCluster(
            n_workers=2, threads_per_worker=1, scheduler_kwargs={"dashboard_address": ":0"}
        ) as workers,
        dask.Client(workers) as client,
    ):
        yield client


def main():
    """Print both options' Greeks; return them."""
    with cluster() as client:
        found = {"arithmetic": greeks(0, client), "geometric": greeks(1, client)}
    value, slopes = tapead.value_and_grad(closed_form, argnums=(0, 1, 2, 3))(*MARKET)
    found["closed form"] = np.array([value, *slopes])
    print(f"{N_PATHS} paths of {N_STEPS} steps\n")
    print(f"{'':14}" + "".join(f"{name:>12}" for name in found))
    for i, name in enumerate(GREEKS):
        print(f"{name:14}" + "".join(f"{column[i]:12.4f}" for column in found.values()))
    return found


if __name__ == "__main__":
    main()
