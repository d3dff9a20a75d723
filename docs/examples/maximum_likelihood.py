"""Maximum likelihood with standard errors from the Hessian, on two sets of measured data.

At the maximum the inverse of the Hessian of the negative log-likelihood is the covariance of the
estimates; the standard errors are the roots of its diagonal.

    O-rings     distress in 23 flights of the Space Shuttle by temperature in Fahrenheit
                (S. R. Dalal, E. B. Fowlkes, B. Hoadley, J. Am. Stat. Assoc. 84, 1989), logistic
    bearings    23 ball bearings, millions of revolutions until they failed (J. Lieblein, M. Zelen,
                J. Res. NBS 57, 1956), Weibull

The closed forms are X' diag(p (1 - p)) X for the first and three sums for the second. What
BFGS leaves behind is printed as well: near it, but nothing says how near.
"""

import numpy as np
from scipy import optimize  # type: ignore[import-untyped]
from side_by_side import compare, peer, race

import tapead

FAHRENHEIT = np.array([
    66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58.0,
])  # fmt: skip
DISTRESS = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1.0])
REVOLUTIONS = np.array([
    17.88, 28.92, 33.00, 41.52, 42.12, 45.60, 48.48, 51.84, 51.96, 54.12, 55.56, 67.80, 68.64,
    68.64, 68.88, 84.12, 93.12, 98.64, 105.12, 105.84, 127.92, 128.04, 173.40,
])  # fmt: skip


def logistic(p, xp=np):
    z = p["constant"] + p["slope"] * FAHRENHEIT
    return xp.sum(xp.logaddexp(0.0, z) - DISTRESS * z)


def logistic_information(p):
    x = np.column_stack([np.ones(FAHRENHEIT.size), FAHRENHEIT])
    y_hat = 1.0 / (1.0 + np.exp(-x @ np.array(list(p.values()))))
    return (x.T * (y_hat * (1.0 - y_hat))) @ x


def weibull(p, xp=np):
    t = REVOLUTIONS / p["scale"]
    k = p["shape"]
    return xp.sum(t**k - (k - 1.0) * xp.log(t) - xp.log(k / p["scale"]))


def weibull_information(p):
    k, scale, n = p["shape"], p["scale"], REVOLUTIONS.size
    log_t = np.log(REVOLUTIONS / scale)
    z = np.exp(k * log_t)
    of_both = n / scale - np.sum(z * (1.0 + k * log_t)) / scale
    return np.array([
        [n / k**2 + np.sum(z * log_t**2), of_both],
        [of_both, (k * (k + 1.0) * np.sum(z) - n * k) / scale**2],
    ])  # fmt: skip


PROBLEMS = {  # negative log-likelihood, start, lower bounds, closed form, estimates as published
    "O-rings": (
        logistic, {"constant": 0.0, "slope": 0.0}, None, logistic_information, (15.0429, -0.2322),
    ),
    "bearings": (
        weibull, {"shape": 1.0, "scale": 50.0}, 1e-3, weibull_information, (2.1021, 81.878),
    ),
}  # fmt: skip


def errors_of(information):
    return np.sqrt(np.diag(np.linalg.inv(information)))


def solve(fun, jac, o):
    """By BFGS where there are no bounds, else by L-BFGS-B."""
    options = {"gtol": 1e-5}
    return optimize.minimize(fun, o.x0, jac=jac, bounds=o.bounds, options=options)


def main():
    """Print estimates, standard errors and what they take; return the numbers."""
    rows, shown = {}, {}
    for name, (loss, start, lower, information, published) in PROBLEMS.items():
        o = tapead.optimize.objective(loss, start, lower=lower)
        found = optimize.minimize(o.fun, o.x0, jac=o.jac, bounds=o.bounds, options={"gtol": 1e-9})
        best = o.unravel(found.x)
        rows[name] = errors_of(information(best)), errors_of(o.hess(found.x))
        shown[name] = found.x, np.array(published)
        print(f"{name}: log-likelihood {-found.fun:.4f}, {found.nit} iterations")
        for i, (key, x) in enumerate(best.items()):
            print(f"{key:>12} = {x:9.4f}, standard error {rows[name][1][i]:.4f}")
        if "hess_inv" in found and isinstance(found.hess_inv, np.ndarray):
            left = np.sqrt(np.diag(found.hess_inv))
            print(f"      from BFGS's own matrix {left[0]:.4f}, {left[1]:.4f}")

        def plain(x, o=o, loss=loss):
            return loss(o.unravel(x))

        sources = {"tapead": (o.fun, o.jac), "2-point": (plain, "2-point")}
        sources["3-point"] = (plain, "3-point")
        autograd, numpy = peer("autograd"), peer("autograd.numpy")
        if autograd:
            keys = list(start)

            def other(x, keys=keys, loss=loss, numpy=numpy):
                return loss({key: x[i] for i, key in enumerate(keys)}, numpy)

            sources["autograd"] = (plain, autograd.grad(other))
        race(lambda fun, jac, o=o: solve(fun, jac, o), sources,
             lambda x, wanted=found.x: np.max(np.abs(x / wanted - 1.0)))  # fmt: skip
        print()
    print("standard errors")
    rows = compare(rows, by_hand="closed form")
    z = tapead.jacobian(lambda p: p["constant"] + p["slope"] * 31.0)(PROBLEMS["O-rings"][1])
    o = tapead.optimize.objective(logistic, PROBLEMS["O-rings"][1])
    x = shown["O-rings"][0]
    by = np.array([z["constant"], z["slope"]])
    middle, wide = by @ x, 1.96 * np.sqrt(by @ np.linalg.solve(o.hess(x), by))
    low, high = (float(tapead.sigmoid(middle + s * wide)) for s in (-1.0, 1.0))
    print(f"\nprobability of distress at 31 F: {float(tapead.sigmoid(middle)):.4f}, "
          f"95 % between {low:.3f} and {high:.3f}")  # fmt: skip
    return rows | {"estimates": shown}


if __name__ == "__main__":
    main()
