"""A parameter found through 100,000 steps: a loop whose adjoint takes a fixed number of bytes.

Euler's method for the equations of Lotka and Volterra, n steps of size h,

    x' = x + h x (a - b y),        y' = y + h y (c x - d),

is differentiated by hand, backwards along the states that are all kept (16 bytes for each step):

    x_bar = x_bar' (1 + h (a - b y)) + y_bar' h c y,
    y_bar = y_bar' (1 + h (c x - d)) - x_bar' h b x,

and by ``tapead.checkpointed_loop``, which keeps 40,000 bytes. What is compared are the derivatives
of the last x by a, b, c, d and by the first state. Then a is found again from a state that was
measured, by Newton's method.
"""

import numpy as np
from side_by_side import compare

import tapead

N, H = 100_000, 1e-4
START, RATES = (1.5, 0.5), (1.0, 1.0, 1.0, 1.0)


def step(state, rates):
    x, y = state
    a, b, c, d = rates
    return x + H * x * (a - b * y), y + H * y * (c * x - d)


def last(state, rates):
    return tapead.checkpointed_loop(step, state, N, budget=40_000, args=(rates,))[0]


def by_hand():
    """Adjoints of the first state and of the rates."""
    states = [START]
    for _ in range(N):
        states.append(step(states[-1], RATES))
    a, b, c, d = RATES
    x_bar, y_bar, rate_bars = 1.0, 0.0, np.zeros(4)
    for x, y in states[-2::-1]:
        rate_bars += [H * x * x_bar, -H * x * y * x_bar, H * x * y * y_bar, -H * y * y_bar]
        x_bar, y_bar = (
            x_bar * (1.0 + H * (a - b * y)) + y_bar * H * c * y,
            y_bar * (1.0 + H * (c * x - d)) - x_bar * H * b * x,
        )
    return np.array([x_bar, y_bar]), rate_bars


def fitted(measured, a):
    """The rate a that ends where it was measured, by Newton's method."""
    for i in range(8):
        x, slope = tapead.value_and_grad(lambda a: last(START, (a, *RATES[1:])))(a)
        print(f"step {i}: a = {a:.12f}, x = {x:.9f}")
        if abs(x - measured) < 1e-12:
            break
        a -= (x - measured) / slope
    return a


def main():
    """Print derivatives by hand and by tapead, and the fit; return what is compared."""
    state_bar, rate_bars = tapead.grad(last, argnums=(0, 1))(START, RATES)
    by_states, by_rates = by_hand()
    rows = compare(
        {
            "dx/dstate": (by_states, np.array(state_bar)),
            "dx/drates": (by_rates, np.array(rate_bars)),
        }
    )
    print("\na from the last x")
    a = fitted(last(START, (0.9, *RATES[1:])), 1.0)
    return rows | {"fitted": a}


if __name__ == "__main__":
    main()
