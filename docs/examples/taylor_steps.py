"""An orbit by Taylor steps of order 20, beside Kepler's equation and SciPy's integrators.

A body moves around a fixed sun: r'' = -r / |r|**3, on an ellipse of eccentricity e. With the state
y = (r, r') the equation is y' = f(y), and its series follows one coefficient after the other: those
of y up to k give those of f(y) along the curve by Taylor arithmetic, and

    y[k + 1] = f(y)[k] / (k + 1).

The step is as long as the last two coefficients allow. What stands beside it is exact: the anomaly
E of Kepler's equation E - e sin(E) = t, and r = (cos(E) - e, sqrt(1 - e**2) sin(E)).
"""

import math

import numpy as np
from scipy.integrate import solve_ivp  # type: ignore[import-untyped]
from side_by_side import compare

import tapead

E = 0.6
ORDER = 20
TOLERANCE = 1e-16
START = [1.0 - E, 0.0, 0.0, math.sqrt((1.0 + E) / (1.0 - E))]
TIMES = (1.0, math.pi, 2.0 * math.pi)


def field(y):
    """y' of the state y."""
    x1, x2, v1, v2 = y
    cube = (x1 * x1 + x2 * x2) ** 1.5
    return [v1, v2, -x1 / cube, -x2 / cube]


PROGRAM = tapead.record(field, START)


def coefficients(y, order=ORDER):
    """Taylor coefficients of the solution through y, shape (order + 1, n)."""
    found = [np.array(y)]
    for k in range(order):
        series = [(c * math.factorial(i)).tolist() for i, c in enumerate(found)][1:]
        value, terms = tapead.jet(PROGRAM, (y,), (series,))
        last = np.array(terms[-1] if terms else value)
        found.append(last / math.factorial(k) / (k + 1))
    return np.array(found)


def longest_step(c):
    """The step at which the last two terms are as small as is wanted."""
    sizes = np.abs(c[-2:]).max(axis=1)
    orders = np.array([len(c) - 2, len(c) - 1])
    return float(np.min((TOLERANCE * np.abs(c[0]).max() / sizes) ** (1.0 / orders)))


def solve(y, times):
    """States at growing times from 0 on, and the number of steps."""
    t, n, states = 0.0, 0, []
    for end in times:
        while t < end:
            c = coefficients(y.tolist())
            h = min(longest_step(c), end - t)
            y = np.polynomial.polynomial.polyval(h, c)
            t, n = (end if h == end - t else t + h), n + 1
        states.append(y)
    return np.array(states), n


def exact(t):
    """The state by Kepler's equation, solved by Newton's method."""
    anomaly = t
    for _ in range(50):
        anomaly -= (anomaly - E * math.sin(anomaly) - t) / (1.0 - E * math.cos(anomaly))
    rate = 1.0 / (1.0 - E * math.cos(anomaly))
    minor = math.sqrt(1.0 - E * E)
    return np.array([
        math.cos(anomaly) - E, minor * math.sin(anomaly),
        -math.sin(anomaly) * rate, minor * math.cos(anomaly) * rate,
    ])  # fmt: skip


def energy(y):
    return 0.5 * (y[2] ** 2 + y[3] ** 2) - 1.0 / math.hypot(y[0], y[1])


def main():
    """Print states, steps and evaluations; return what is compared."""
    states, steps = solve(np.array(START), TIMES)
    rows = {f"state at t = {t:.4g}": (exact(t), y) for t, y in zip(TIMES, states, strict=True)}
    rows["energy at the end"] = (np.array(energy(START)), np.array(energy(states[-1])))
    shown = compare(rows)
    print(f"\n{'':24}{'steps':>12}{'evaluations':>14}{'error':>12}")
    print(f"{f'Taylor, order {ORDER}':24}{steps:12}{steps * ORDER:14}{_error(states):12.1e}")
    errors = {"Taylor": _error(states)}
    for method in ("DOP853", "Radau", "LSODA"):
        found = solve_ivp(lambda t, y: field(y), (0.0, TIMES[-1]), START, method,
                          t_eval=TIMES, rtol=1e-13, atol=1e-14)  # fmt: skip
        errors[method] = _error(found.y.T)
        print(f"{method:24}{'':12}{found.nfev:14}{errors[method]:12.1e}")
    return shown | {"errors": errors, "steps": steps}


def _error(states):
    return max(np.abs(y - exact(t)).max() for t, y in zip(TIMES, states, strict=True))


if __name__ == "__main__":
    main()
