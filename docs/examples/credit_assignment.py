"""The 3-2-1 tanh network: eight gradients in closed form, and whose fault the loss is.

Lecture 1 (Chicago), "Simple Feedforward Network": a_j = sum_i w_ij x_i, z_j = tanh(a_j),
y_hat = w_1 z_1 + w_2 z_2, L = (y_hat - y)**2. The nodes are numbered as on the slides: 0 is the
output, 1 and 2 are hidden, and 5, 4, 3 are the inputs x_1, x_2, x_3. Then

    dL/dw_{i->j} = (local error of j) (local input from i)

with the local errors 2 (y_hat - y) of node 0 and 2 (y_hat - y) w_{j->0} (1 - tanh(a_j)**2) of the
hidden nodes. The slides leave the 2 to eta; here it stays, so that L is what is differentiated.
"""

import numpy as np
from side_by_side import compare

import tapead

Y = 0.5
INPUTS = {5: 1.0, 4: -0.5, 3: 2.0}
WEIGHTS = {
    "w51": 0.1, "w41": -0.4, "w31": 0.3,
    "w52": 0.7, "w42": 0.2, "w32": -0.6,
    "w10": 0.8, "w20": -1.1,
}  # fmt: skip


def loss(w51, w41, w31, w52, w42, w32, w10, w20):
    x1, x2, x3 = INPUTS.values()
    z1 = np.tanh(w51 * x1 + w41 * x2 + w31 * x3)
    z2 = np.tanh(w52 * x1 + w42 * x2 + w32 * x3)
    y_hat = w10 * z1 + w20 * z2
    return (y_hat - Y) ** 2


def by_hand(w):
    """Local errors and local inputs of the nodes, by the lecture's formulas."""
    a = {j: sum(w[f"w{i}{j}"] * x for i, x in INPUTS.items()) for j in (1, 2)}
    z = {j: np.tanh(a[j]) for j in a}
    y_hat = w["w10"] * z[1] + w["w20"] * z[2]
    errors = {0: 2.0 * (y_hat - Y)}
    for j in (1, 2):
        errors[j] = errors[0] * w[f"w{j}0"] * (1.0 - z[j] ** 2)
    return errors, INPUTS | z


def main():
    """Print the trace and the credit of each weight; return what is compared."""
    trace = tapead.trace(loss, *WEIGHTS.values())
    print(trace.to_text())
    errors, inputs = by_hand(WEIGHTS)
    gradient = trace.gradient
    rows = {}
    print("\nweight   local error × local input")
    for name in WEIGHTS:
        i, j = int(name[1]), int(name[2])
        print(f"{i} -> {j}   {errors[j]:11.6f} × {inputs[i]:9.6f}")
        rows[f"dL/dw {i}->{j}"] = (errors[j] * inputs[i], gradient[name])
    print()
    return compare(rows)


if __name__ == "__main__":
    main()
