"""Ridge functions sigma(W x + b): their Jacobi matrix, and the way from activities to weights.

Lecture 4 (ETH), "Jacobian Matrix: Ridge Functions": the Jacobi matrix is W with each row scaled,

    dx_i / dx_j = sigma'(<w_i, x> + b_i) w_ij,

for ReLU a sparsified W, as printed. "From Activations to Weights": with e = dR/dx of the output,

    dR/dw_ij = e_i sigma'(<w_i, x> + b_i) x_j,      dR/db_i = e_i sigma'(<w_i, x> + b_i).
"""

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(17)
W, B, X = RNG.normal(size=(3, 4)), RNG.normal(size=3), RNG.normal(size=4)
E = RNG.normal(size=3)
SLOPES = {
    tapead.tanh: lambda a: 1.0 - np.tanh(a) ** 2,
    tapead.sigmoid: lambda a: np.exp(-a) / (1.0 + np.exp(-a)) ** 2,
    tapead.softplus: lambda a: 1.0 / (1.0 + np.exp(-a)),
    tapead.relu: lambda a: (a > 0.0).astype(float),
}


def ridge(sigma, w, b, x):
    return sigma(w @ x + b)


def main():
    """Print W and its sparsified form, and all derivatives; return what is compared."""
    rows = {}
    for sigma, slope in SLOPES.items():
        s, name = slope(W @ X + B), sigma.__name__
        rows[f"J {name}"] = (s[:, None] * W, tapead.jacobian(ridge, argnums=3)(sigma, W, B, X))
        gradient = tapead.grad(lambda w, b, sigma=sigma: E @ ridge(sigma, w, b, X), argnums=(0, 1))
        w_bar, b_bar = gradient(W, B)
        rows[f"dR/dW {name}"] = (np.outer(E * s, X), w_bar)
        rows[f"dR/db {name}"] = (E * s, b_bar)
    print(f"W\n{W.round(3)}\nJacobi matrix of relu(W x + b)\n{rows['J relu'][1].round(3)}\n")
    return compare(rows)


if __name__ == "__main__":
    main()
