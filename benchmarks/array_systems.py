"""The systems that are compared on arrays: how each makes a value-and-gradient function.

An adapter takes a workload's ``f(params, m)`` and its params, and returns a function without
arguments that returns the value and a tuple of gradients there, in the system's own types. Those
of `ARRAY_SYSTEMS` record in each call, those of `ARRAY_REPLAYS` have recorded. Versions: autograd
1.9.1, mygrad 2.5, torch 2.13, jax 0.10.2.
"""

from functools import partial

import numpy as np

from .systems import namespace


def functions_of(library, **more):
    """Return what workloads call; the names that differ are given."""
    return namespace(sum=library.sum, mean=library.mean, tanh=library.tanh, **more)


def _stable_logsumexp(m, maximum, x, axis=None):
    top = maximum(x, axis=axis, keepdims=True)
    return m.log(m.sum(m.exp(x - top), axis=axis)) + np.squeeze(top, axis=axis)


def _relu(maximum):
    return lambda x: maximum(x, 0)


def _softplus(logaddexp):
    return lambda x: logaddexp(0, x)


NUMPY = functions_of(
    np,
    relu=_relu(np.maximum),
    softplus=_softplus(np.logaddexp),
    logsumexp=partial(_stable_logsumexp, np, np.max),
)


def tapead_namespace():
    import tapead

    return functions_of(np, relu=tapead.relu, softplus=tapead.softplus, logsumexp=tapead.logsumexp)


def with_tapead(f, params):
    import tapead

    m = tapead_namespace()
    return partial(tapead.value_and_grad(lambda params: f(params, m)), params)


def with_autograd(f, params):
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    m = functions_of(
        anp,
        relu=_relu(anp.maximum),
        softplus=_softplus(anp.logaddexp),
        logsumexp=logsumexp,
    )
    return partial(autograd.value_and_grad(lambda params: f(params, m)), params)


def with_mygrad(f, params):
    import mygrad as mg

    def maximum(x, **axes):  # a constant: the sum does not depend on it
        return np.max(x.data, **axes)

    m = functions_of(
        mg,
        relu=_relu(mg.maximum),
        softplus=_softplus(mg.logaddexp),
        logsumexp=partial(_stable_logsumexp, mg, maximum),
    )

    def value_and_gradient():
        tensors = [mg.tensor(param, copy=False) for param in params]
        y = f(tensors, m)
        y.backward()
        return y.item(), tuple(x.grad for x in tensors)

    return value_and_gradient


def with_torch(f, params):
    import torch

    torch.set_num_threads(1)
    m = functions_of(
        torch,
        relu=torch.relu,
        softplus=torch.nn.functional.softplus,
        logsumexp=lambda x, axis=0: torch.logsumexp(x, axis),
    )
    tensors = tuple(torch.from_numpy(param).requires_grad_() for param in params)
    f, data = without_data(f, torch.from_numpy)

    def value_and_gradient():
        y = f(tensors, m, **data)
        return y.item(), torch.autograd.grad(y, tensors)

    return value_and_gradient


def replay_with_tapead(f, params):
    import tapead

    m = tapead_namespace()
    return partial(tapead.record(lambda params: f(params, m), params).value_and_grad, params)


def replay_with_jax(f, params):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    m = functions_of(
        jnp,
        relu=_relu(jnp.maximum),
        softplus=jax.nn.softplus,
        logsumexp=jax.nn.logsumexp,
    )
    f, data = without_data(f, jnp.array)
    value_and_grad = jax.jit(jax.value_and_grad(lambda params, data: f(params, m, **data)))
    params = tuple(map(jnp.array, params))
    return lambda: jax.block_until_ready(value_and_grad(params, data))


def without_data(f, convert):
    """Return the function of a workload and its data by name, in a system's own type."""
    if not isinstance(f, partial):
        return f, {}
    return f.func, {name: convert(array) for name, array in f.keywords.items()}


ARRAY_SYSTEMS = {
    "tapead": with_tapead,
    "autograd": with_autograd,
    "mygrad": with_mygrad,
    "torch": with_torch,
}

ARRAY_REPLAYS = {"tapead": replay_with_tapead, "jax": replay_with_jax}
