"""Bundle adjustment: cameras and points from pictures, by sparse least squares.

A generated scene: points in a box, cameras on a circle around it, and where each point that a
camera sees is in its picture, in pixels, with noise. A camera has nine parameters, its rotation
(three numbers, axis times angle), translation, focal length f and two numbers of radial distortion:

    P = R X + t,    p = -P / P_z,    pixel = f (1 + k_1 |p|^2 + k_2 |p|^4) p.

All are found again from perturbed ones. An observation depends on one camera and one point: the
Jacobian of m observations has 12 entries in each of its 2 m rows, whatever the scene.
"""

from typing import Any

import numpy as np
from scipy import optimize, sparse  # type: ignore[import-untyped]
from side_by_side import race

import tapead

N_CAMERAS, N_POINTS, NOISE = 6, 60, 0.5


def rotated(rotations, points):
    """Rodrigues' formula, row by row."""
    angle = np.sum(rotations**2, axis=1, keepdims=True) ** 0.5
    axis = rotations / angle
    along = np.sum(axis * points, axis=1, keepdims=True)
    (a, b, c), (x, y, z) = axis.T, points.T
    across = np.stack([b * z - c * y, c * x - a * z, a * y - b * x], axis=1)
    cos = np.cos(angle)
    return cos * points + np.sin(angle) * across + (1.0 - cos) * along * axis


def pixels(cameras, points):
    """Where each point is in the picture of its camera."""
    at = rotated(cameras[:, :3], points) + cameras[:, 3:6]
    p = -at[:, :2] / at[:, 2:]
    r2 = np.sum(p**2, axis=1)
    scale = cameras[:, 6] * (1.0 + cameras[:, 7] * r2 + cameras[:, 8] * r2**2)
    return scale[:, None] * p


class Scene:
    """What is true, and what the cameras saw of it."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.points = rng.uniform(-1.0, 1.0, (N_POINTS, 3))
        turns = np.linspace(0.0, 2.0 * np.pi, N_CAMERAS, endpoint=False) + 0.1
        self.cameras = np.zeros((N_CAMERAS, 9))
        self.cameras[:, 1] = turns
        self.cameras[:, :3] += rng.normal(0.0, 0.05, (N_CAMERAS, 3))
        self.cameras[:, 5] = -6.0
        self.cameras[:, 6:] = 800.0, -0.05, 0.01
        seen = rng.uniform(size=(N_CAMERAS, N_POINTS)) < 0.7
        self.camera, self.point = np.nonzero(seen)
        exact = pixels(self.cameras[self.camera], self.points[self.point])
        self.seen = exact + rng.normal(0.0, NOISE, exact.shape)
        self.start = {
            "cameras": self.cameras + rng.normal(0.0, 1.0, (N_CAMERAS, 9))
            * np.array([0.02, 0.02, 0.02, 0.05, 0.05, 0.05, 10.0, 0.01, 0.005]),
            "points": self.points + rng.normal(0.0, 0.05, self.points.shape),
        }  # fmt: skip

    def residuals(self, p):
        """Pixels between where points should be and where they are."""
        return pixels(p["cameras"][self.camera], p["points"][self.point]) - self.seen

    def structure(self):
        """Where the Jacobian may have entries, as differences need to be told."""
        of_camera = 9 * self.camera[:, None] + np.arange(9)
        of_point = 9 * N_CAMERAS + 3 * self.point[:, None] + np.arange(3)
        columns = np.repeat(np.concatenate([of_camera, of_point], axis=1), 2, axis=0)
        rows = np.repeat(np.arange(columns.shape[0]), 12)
        ones = np.ones(rows.size, dtype=int)
        return sparse.csr_array((ones, (rows, columns.ravel())))


def main():
    """Adjust the scene; print what it takes; return errors in pixels and the Jacobian's share."""
    scene = Scene()
    o = tapead.optimize.objective(scene.residuals, scene.start, form="sparse")
    structure = scene.structure()
    jacobian = sparse.csr_array(o.jac(o.x0))
    entries = np.count_nonzero(jacobian.data)
    share = entries / (o.fun(o.x0).size * o.x0.size)
    print(f"{N_CAMERAS} cameras, {N_POINTS} points, {o.x0.size} parameters, {o.fun(o.x0).size} "
          f"residuals; {entries} entries of the Jacobian, {share:.1%}\n")  # fmt: skip

    def solve(fun, jac):
        options: dict[str, Any] = {"method": "trf", "tr_solver": "lsmr", "x_scale": "jac"}
        if not callable(jac):
            options["jac_sparsity"] = structure
        options |= {"jac": jac, "ftol": 1e-8, "max_nfev": 40}
        return optimize.least_squares(fun, o.x0, **options)

    def plain(x):
        return np.ravel(scene.residuals(o.unravel(x)))

    def off(x):
        """Root of the mean square of the residuals, in pixels."""
        return np.sqrt(np.mean(o.fun(x) ** 2))

    sources = {
        "tapead": (o.fun, o.jac),
        "2-point": (plain, "2-point"),
        "3-point": (plain, "3-point"),
    }
    found = race(solve, sources, off)
    before, after = off(o.x0), off(found["tapead"].x)
    print(f"\nroot mean square: {before:.2f} pixels before, {after:.3f} after; noise {NOISE}")
    rows, columns = jacobian.nonzero()
    inside = bool(structure[rows, columns].all())
    return {"before": before, "after": after, "share": share, "inside": inside, "x": found}


if __name__ == "__main__":
    main()
