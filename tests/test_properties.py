"""Properties that hold for every function, on random programs of the table's rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import programs

import tapead
from tapead.testing import check_grads

# Relative to the products' terms: both sides add up to some hundred rounded ones.
ROUNDING = 1e-11
directions = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def total(f):
    """One number made of all results of f."""
    return lambda *xs: sum((1.0 + 0.5 * i) * y for i, y in enumerate(f(*xs)))


def everything(f):
    return tuple(range(f.n_inputs))


def assert_close(got, wanted, scale=None):
    got, wanted = np.asarray(got), np.asarray(wanted)
    scale = np.max(np.abs(wanted), initial=1.0) if scale is None else scale
    np.testing.assert_allclose(got, wanted, rtol=ROUNDING, atol=ROUNDING * scale)


@given(f=programs(), rng=directions)
def test_adjoint_identity(f, rng):
    """<w, J v> = <J' w, v>."""
    v = tuple(rng.normal(size=f.n_inputs).tolist())
    y, forward = tapead.jvp(f, f.point, v)
    w = rng.normal(size=len(y)).tolist()
    reverse = tapead.vjp(f, *f.point)[1](w)
    scale = np.abs(w) @ np.abs(forward) + np.abs(reverse) @ np.abs(v)
    assert_close(np.dot(w, forward), np.dot(reverse, v), scale)


@given(f=programs())
def test_jacobians_by_both_modes_agree(f):
    by_forward = tapead.jacfwd(f, everything(f))(*f.point)
    by_reverse = tapead.jacrev(f, everything(f))(*f.point)
    assert_close(by_forward, by_reverse)
    assert tapead.jacobian(f, everything(f))(*f.point) in (by_forward, by_reverse)


@given(f=programs())
def test_value_is_the_function_s(f):
    plain = f(*f.point)
    assert tapead.vjp(f, *f.point)[0] == plain
    assert tapead.jvp(f, f.point, f.point)[0] == plain


@given(f=programs(), rng=directions)
def test_tangent_is_linear(f, rng):
    v, w = rng.normal(size=(2, f.n_inputs))

    def along(direction):
        return np.array(tapead.jvp(f, f.point, tuple(direction.tolist()))[1])

    assert_close(along(2.0 * v - w), 2.0 * along(v) - along(w), np.max(np.abs(along(v)), initial=1))


@given(f=programs())
def test_hessian_is_symmetric_in_every_mode(f):
    g, every = total(f), everything(f)
    hessians = [
        np.array(tapead.hessian(g, every)(*f.point)),
        *(
            np.array(outer(inner(g, every), every)(*f.point))
            for inner in (tapead.grad, tapead.jacfwd)
            for outer in (tapead.jacrev, tapead.jacfwd)
        ),
    ]
    scale = np.max(np.abs(hessians[0]), initial=1.0)
    for hessian in hessians:
        assert_close(hessian, hessians[0].T, scale)


@given(f=programs(), rng=directions)
def test_hvp_is_the_hessian_times_the_vector(f, rng):
    g, v = total(f), rng.normal(size=f.n_inputs)
    hessian = np.array(tapead.hessian(g, everything(f))(*f.point))
    product = tapead.hvp(g, f.point, tuple(v.tolist()))
    assert_close(product, hessian @ v, np.max(np.abs(hessian), initial=1.0) * np.abs(v).sum())


@given(f=programs(max_outputs=1))
def test_third_derivatives_by_all_modes_agree(f):
    def along(x):
        return f(*(p + x * (1.0 + 0.3 * i) for i, p in enumerate(f.point)))[0]

    by_forward = tapead.derivative(along, 3)(0.0)
    by_reverse = tapead.grad(tapead.grad(tapead.grad(along)))(0.0)
    mixed = tapead.grad(tapead.derivative(tapead.grad(along)))(0.0)
    # third derivatives of a dozen nested rows lose three digits more
    assert by_reverse == pytest.approx(by_forward, rel=1e-8, abs=1e-8)
    assert mixed == pytest.approx(by_forward, rel=1e-8, abs=1e-8)


@given(f=programs())
def test_derivatives_agree_with_differences(f):
    check_grads(f, f.point, order=1, atol=1e-5, rtol=1e-5)


@given(f=programs(), rng=directions)
def test_transform_in_a_recording_is_the_transform(f, rng):
    """Recorded sweeps give the numbers that numeric sweeps give."""
    g, every = total(f), everything(f)
    with tapead.Tape() as tape:
        xs = [tape.variable(x) for x in f.point]
        recorded = [getattr(d, "value", d) for d in tapead.grad(g, every)(*xs)]
    assert_close(recorded, tapead.grad(g, every)(*f.point))


@given(f=programs(), rng=directions)
def test_chain_rule_holds_across_transforms(f, rng):
    """grad(f o g) by pieces: the pullback of g applied to the gradient of f."""
    n = f.n_outputs
    a = rng.normal(size=f.n_inputs)
    inner = lambda t: [t * c for c in a]  # noqa: E731 - a function made of data
    whole = tapead.grad(lambda t: total(f)(*inner(t)))(0.3)
    values, pullback = tapead.vjp(inner, 0.3)
    pieces = pullback(list(tapead.grad(total(f), everything(f))(*values)))[0]
    assert_close(whole, pieces, max(1.0, abs(whole), n))
