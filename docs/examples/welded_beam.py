"""The cheapest welded beam: a constrained design problem by SLSQP and trust-constr.

A beam of thickness b and height t is welded to a support along the length l with a weld of
thickness h, and carries P = 6000 lb at L = 14 in. The cost of weld and beam,

    1.10471 h^2 l + 0.04811 t b (14 + l),

is least within the strength of the weld (shear) and of the beam (bending, deflection, buckling),
and with a weld that is no thicker than the beam. K. M. Ragsdell and D. T. Phillips, Optimal design
of a class of welded structures using geometric programming, J. Eng. Ind. 98 (1976); in the form of
C. A. Coello Coello (2000), whose best known cost is 1.724852.
"""

import numpy as np
from scipy import optimize  # type: ignore[import-untyped]
from side_by_side import peer, race

import tapead

LOAD, REACH, YOUNG, SHEAR = 6000.0, 14.0, 30e6, 12e6
START = {"weld": {"h": 0.4, "l": 6.0}, "beam": {"t": 9.0, "b": 0.5}}
LOWER = {"weld": {"h": 0.125, "l": 0.1}, "beam": 0.1}
UPPER = {"weld": {"h": 2.0, "l": 10.0}, "beam": {"t": 10.0, "b": 2.0}}
BEST, COST = np.array([0.20572964, 3.47048867, 9.03662391, 0.20572964]), 1.72485231
LIMITS = ("shear in the weld", "bending stress", "weld over beam", "deflection", "buckling")


def cost(p):
    h, length = p["weld"]["h"], p["weld"]["l"]
    t, b = p["beam"]["t"], p["beam"]["b"]
    return 1.10471 * h**2 * length + 0.04811 * t * b * (14.0 + length)


def loads(p):
    """Each load over what is allowed."""
    h, length = p["weld"]["h"], p["weld"]["l"]
    t, b = p["beam"]["t"], p["beam"]["b"]
    arm2 = 0.25 * length**2 + (0.5 * (h + t)) ** 2
    direct = LOAD / (np.sqrt(2.0) * h * length)
    moment = LOAD * (REACH + 0.5 * length)
    polar = 2.0 * np.sqrt(2.0) * h * length * (length**2 / 12.0 + (0.5 * (h + t)) ** 2)
    by_torque = moment * arm2**0.5 / polar
    shear2 = direct**2 + direct * by_torque * length / arm2**0.5 + by_torque**2
    bending = 6.0 * LOAD * REACH / (b * t**2)
    deflection = 4.0 * LOAD * REACH**3 / (YOUNG * t**3 * b)
    slender = 1.0 - 0.5 * t / REACH * np.sqrt(YOUNG / (4.0 * SHEAR))
    buckling = 4.013 * YOUNG * t * b**3 / 6.0 / REACH**2 * slender
    return [shear2**0.5 / 13600.0, bending / 30000.0, h / b, deflection / 0.25, LOAD / buckling]


def nested(x):
    """The parameters of a vector, by hand: autograd's arrays are no arrays of floats."""
    return {"weld": {"h": x[0], "l": x[1]}, "beam": {"t": x[2], "b": x[3]}}


def of_autograd():
    """Functions and derivatives, if autograd is there."""
    autograd, numpy = peer("autograd"), peer("autograd.numpy")
    if not autograd or not numpy:
        return {}
    slopes = autograd.jacobian(lambda x: numpy.array(loads(nested(x))))
    fun, limits = of_numpy()
    return {"autograd": (fun, autograd.grad(lambda x: cost(nested(x))), limits, slopes)}


def of_numpy():
    return lambda x: cost(nested(x)), lambda x: np.array(loads(nested(x)))


def main():
    """Solve it by both methods; print iterations, calls and times; return the results."""
    o = tapead.optimize.objective(cost, START, lower=LOWER, upper=UPPER)
    c = tapead.optimize.objective(loads, START)
    shown = {}

    def by_slsqp(fun, jac, limits, slopes, *_):
        constraint = optimize.NonlinearConstraint(limits, -np.inf, 1.0, jac=slopes)
        return optimize.minimize(
            fun, o.x0, jac=jac, bounds=o.bounds, constraints=[constraint], method="SLSQP",
            options={"ftol": 1e-12},
        )  # fmt: skip

    def by_trust_region(fun, jac, limits, slopes, hess=None, of_limits=None):
        constraint = optimize.NonlinearConstraint(
            limits, -np.inf, 1.0, jac=slopes, hess=of_limits or optimize.BFGS()
        )
        return optimize.minimize(
            fun, o.x0, jac=jac, hess=hess or optimize.BFGS(), bounds=o.bounds,
            constraints=[constraint], method="trust-constr",
            options={"gtol": 1e-8, "xtol": 1e-12, "maxiter": 2000},
        )  # fmt: skip

    plain, limits = of_numpy()
    sources: dict[str, tuple] = {"tapead": (o.fun, o.jac, c.fun, c.jac, o.hess, c.hess)}
    sources |= {name: (plain, name, limits, name) for name in ("2-point", "3-point")}
    sources |= of_autograd()
    for method, solve in (("SLSQP", by_slsqp), ("trust-constr", by_trust_region)):
        print(method)
        shown[method] = race(solve, sources, lambda x: abs(o.fun(x) - COST))["tapead"]
        print()
    best = shown["SLSQP"].x
    print(f"cost {o.fun(best):.6f}")
    for part, sizes in o.unravel(best).items():
        print(f"{part}: {', '.join(f'{name} = {x:.6f} in' for name, x in sizes.items())}")
    for name, load in zip(LIMITS, c.fun(best), strict=True):
        print(f"{name:20}{load:8.1%} of what is allowed")
    return shown | {"loads": c.fun(best)}


if __name__ == "__main__":
    main()
