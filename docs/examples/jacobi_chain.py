"""The Jacobi-matrix chain rule on random maps, and activity backpropagation.

Lecture 4 (ETH), "Jacobi Matrix Chain Rule": for G from R^n to R^q and H from R^q to R^m,

    J_{H o G}(x) = J_H(G(x)) J_G(x),

and for a chain F^L o ... o F^1 below a cost R the activity gradients are e^l = e^{l+1} J_{F^{l+1}},
which reverse mode computes without ever making a Jacobi matrix. Lecture 1 writes the same as
grad_x z = (dy/dx)' grad_y z.
"""

from itertools import pairwise

import numpy as np
from side_by_side import compare

import tapead

RNG = np.random.default_rng(6)


def random_map(n, m):
    """A smooth map from R^n to R^m."""
    a, b, c = (RNG.normal(size=(m, n)) / np.sqrt(n) for _ in range(3))

    def mapped(x):
        return np.tanh(a @ x) + np.sin(b @ x) * np.exp(-((c @ x) ** 2))

    return mapped


def activity_rows(sizes):
    """Gradients of a cost by each activity: Jacobi matrices multiplied, and reverse mode."""
    maps = [random_map(n, m) for n, m in pairwise(sizes)]
    activities = [RNG.normal(size=sizes[0])]
    for mapped in maps:
        activities.append(mapped(activities[-1]))

    def cost_from(layer):
        def cost(x):
            for mapped in maps[layer:]:
                x = mapped(x)
            return 0.5 * np.sum(x**2)

        return cost

    e = activities[-1]
    for layer in reversed(range(len(maps))):
        e = e @ tapead.jacobian(maps[layer])(activities[layer])
        yield f"e^{layer}", (e, tapead.grad(cost_from(layer))(activities[layer]))


def main():
    """Print J_H J_G beside J_{HoG} for maps of several shapes; return what is compared."""
    rows = {}
    for n, q, m in [(2, 3, 2), (5, 1, 4), (1, 6, 3), (7, 4, 1), (6, 8, 5)]:
        g, h, x = random_map(n, q), random_map(q, m), RNG.normal(size=n)
        product = tapead.jacobian(h)(g(x)) @ tapead.jacobian(g)(x)
        composed = tapead.jacrev(lambda x, g=g, h=h: h(g(x)))(x)
        rows[f"J {n}->{q}->{m}"] = (product, composed)
    rows |= dict(activity_rows((4, 6, 5, 3)))
    return compare(rows, by_hand="product")


if __name__ == "__main__":
    main()
