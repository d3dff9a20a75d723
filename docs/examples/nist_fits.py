"""Three fits to measured data, beside the values that NIST has certified.

The Statistical Reference Datasets of NIST (https://www.itl.nist.gov/div898/strd) are measurements
with the least-squares solutions in eleven digits:

    Misra1a     dental research, 14 points         b1 (1 - exp(-b2 x))
    MGH09       kinetics of an enzyme, 11 points   b1 (x^2 + b2 x) / (x^2 + b3 x + b4)
    Thurber     electron mobility, 37 points       (b1 + b2 x + b3 x^2 + b4 x^3) /
                                                   (1 + b5 x + b6 x^2 + b7 x^3)

`tapead.optimize.objective` gives ``scipy.optimize.least_squares`` residuals and Jacobian. With
s^2 = RSS / (m - n), the standard deviations of the parameters are the roots of the diagonal of
s^2 (J' J)^-1.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize  # type: ignore[import-untyped]
from side_by_side import peer, race

import tapead


class Data(NamedTuple):
    """A set of NIST: its model, both starts, and what is certified."""

    model: object
    starts: list
    parameters: list
    deviations: list
    rss: float
    y: list
    x: list


def misra1a(b, x, xp):
    return b[0] * (1.0 - xp.exp(-b[1] * x))


def mgh09(b, x, xp):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def thurber(b, x, xp):
    above = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return above / (1.0 + b[4] * x + b[5] * x**2 + b[6] * x**3)


SETS = {
    "Misra1a": Data(
        misra1a,
        [[500.0, 0.0001], [250.0, 0.0005]],
        [2.3894212918e02, 5.5015643181e-04],
        [2.7070075241e00, 7.2668688436e-06],
        1.2455138894e-01,
        [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40,
         75.47, 81.78],
        [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1,
         689.1, 760.0],
    ),
    "MGH09": Data(
        mgh09,
        [[25.0, 39.0, 41.5, 39.0], [0.25, 0.39, 0.415, 0.39]],
        [1.9280693458e-01, 1.9128232873e-01, 1.2305650693e-01, 1.3606233068e-01],
        [1.1435312227e-02, 1.9633220911e-01, 8.0842031232e-02, 9.0025542308e-02],
        3.0750560385e-04,
        [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246],
        [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
    ),
    "Thurber": Data(
        thurber,
        [[1000.0, 1000.0, 400.0, 40.0, 0.7, 0.3, 0.03],
         [1300.0, 1500.0, 500.0, 75.0, 1.0, 0.4, 0.05]],
        [1.2881396800e03, 1.4910792535e03, 5.8323836877e02, 7.5416644291e01, 9.6629502864e-01,
         3.9797285797e-01, 4.9727297349e-02],
        [4.6647963344e00, 3.9571156086e01, 2.8698696102e01, 5.5675370270e00, 3.1333340687e-02,
         1.4984928198e-02, 6.5842344623e-03],
        5.6427082397e03,
        [80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854, 100.696,
         101.060, 401.672, 390.724, 567.534, 635.316, 733.054, 759.087, 894.206, 990.785,
         1090.109, 1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543,
         1353.863, 1414.509, 1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894,
         1457.628],
        [-3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481, -2.363,
         -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714, -0.566, -0.545,
         -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006, 1.115, 1.572,
         1.841, 2.047, 2.200],
    ),
}  # fmt: skip


def residuals_of(data, xp=np):
    x, y = np.array(data.x), np.array(data.y)
    return lambda b: data.model(b, x, xp) - y


def solve(fun, jac, start):
    options = {"method": "lm", "x_scale": "jac", "max_nfev": 5000}
    tolerances = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15)
    return optimize.least_squares(fun, start, jac=jac, **tolerances, **options)


def digits(found, certified):
    """Decimal digits in which all numbers agree, eleven at most: more are not certified."""
    gap = np.max(np.abs(np.asarray(found) / certified - 1.0))
    return 11.0 if gap == 0.0 else float(min(11.0, -np.log10(gap)))


def deviations(found):
    """Standard deviations of the parameters at a solution."""
    m, n = found.jac.shape
    s2 = 2.0 * found.cost / (m - n)
    return np.sqrt(s2 * np.diag(np.linalg.inv(found.jac.T @ found.jac)))


def main():
    """Fit all sets from both starts; print digits, and times; return digits by set and start."""
    shown = {}
    print("digits as certified     parameters  deviations    RSS   values  Jacobians")
    for name, data in SETS.items():
        for i, start in enumerate(data.starts):
            o = tapead.optimize.objective(residuals_of(data), np.array(start))
            found = solve(o.fun, o.jac, o.x0)
            right = shown[f"{name}, start {i + 1}"] = (
                digits(found.x, data.parameters),
                digits(deviations(found), data.deviations),
                digits(2.0 * found.cost, data.rss),
            )
            columns = "".join(f"{x:{w}.1f}" for x, w in zip(right, (12, 12, 8), strict=True))
            print(f"{name}, start {i + 1:<8}{columns}{found.nfev:8}{found.njev:10}")
    for name, data in SETS.items():
        print(f"\n{name}, start 2")
        f, start = residuals_of(data), np.array(data.starts[1])
        o = tapead.optimize.objective(f, start)
        sources = {"tapead": (o.fun, o.jac), "2-point": (f, "2-point"), "3-point": (f, "3-point")}
        autograd, numpy = peer("autograd"), peer("autograd.numpy")
        if autograd and numpy:
            sources["autograd"] = (f, autograd.jacobian(residuals_of(data, numpy)))
        race(
            lambda fun, jac, start=start: solve(fun, jac, start),
            sources,
            lambda b, wanted=data.parameters: np.max(np.abs(b / wanted - 1.0)),
        )
    return shown


if __name__ == "__main__":
    main()
