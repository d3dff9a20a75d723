"""Training steps of the peers: nets, batches and optimisers of tapead's, in their own words.

An adapter takes a `Training`, a net of `tapead.nn` whose arrays it starts from, a batch, and the
number of threads; it returns a function without arguments that makes a step and returns the loss.
Versions: torch 2.13, jax 0.10.2.
"""

RATE = 1e-3


def with_torch(training, net, batch, threads):
    """PyTorch's layers, with its fused optimiser."""
    import torch

    torch.set_num_threads(threads)
    net = _torch_net(net)
    points, labels = map(torch.tensor, batch)
    functional = torch.nn.functional
    loss = functional.cross_entropy
    if labels.ndim == 2:
        loss = functional.binary_cross_entropy_with_logits
    optimizer = getattr(torch.optim, training.optimiser)(net.parameters(), lr=RATE, fused=True)

    def step():
        optimizer.zero_grad()
        value = loss(net(points), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def _torch_net(net):
    """The same layers with the same arrays."""
    import torch

    options = {
        "Linear": ("in_features", "out_features"), "MaxPool2d": ("kernel_size",),
        "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    }  # fmt: skip
    layers = []
    for layer in net:
        name = type(layer).__name__
        args = [getattr(layer, option) for option in options.get(name, ())]
        layers.append(getattr(torch.nn, name)(*args))
    made = torch.nn.Sequential(*layers)
    made.load_state_dict({name: torch.tensor(x) for name, x in net.state_dict().items()})
    return made


def with_jax(training, net, batch, threads):
    """One jitted function of parameters and state, which it may overwrite; XLA takes all cores."""
    import jax

    layers = _jax_layers(net)
    points, labels = map(jax.numpy.asarray, batch)
    start, update = _JAX_OPTIMISERS[training.optimiser]

    def loss(params, points, labels):
        x = points
        for i, layer in layers.items():
            names = (f"{i}.{part}" for part in ("weight", "bias"))
            x = layer(x, *(params[name] for name in names if name in params))
        if labels.ndim == 2:
            return jax.numpy.mean(jax.nn.softplus(x) - labels * x)
        logarithms = jax.nn.log_softmax(x)
        return -jax.numpy.mean(logarithms[jax.numpy.arange(len(labels)), labels])

    def stepped(params, state, points, labels):
        value, gradients = jax.value_and_grad(loss)(params, points, labels)
        return value, *update(params, gradients, state)

    stepped = jax.jit(stepped, donate_argnums=(0, 1))
    params = {name: jax.numpy.array(x) for name, x in net.state_dict().items()}
    held = [params, start(params)]

    def step():
        value, *held[:] = jax.block_until_ready(stepped(*held, points, labels))
        return float(value)

    return step


def _jax_layers(net):
    """A function of an array and of the parameters for each layer."""
    import jax
    from jax import lax

    def convolved(layer):
        padding = [(n, n) for n in layer.padding]
        return lambda x, w, b: (
            lax.conv_general_dilated(x, w, layer.stride, padding) + b[:, None, None]
        )

    def pooled(layer):
        window = (1, 1, *layer.kernel_size)
        return lambda x: lax.reduce_window(x, -jax.numpy.inf, lax.max, window, window, "VALID")

    makers = {
        "Linear": lambda layer: lambda x, w, b: x @ w.T + b,
        "Conv2d": convolved,
        "MaxPool2d": pooled,
        "Flatten": lambda layer: lambda x: x.reshape(len(x), -1),
        "ReLU": lambda layer: jax.nn.relu,
        "Tanh": lambda layer: jax.numpy.tanh,
    }
    return {str(i): makers[type(layer).__name__](layer) for i, layer in enumerate(net)}


def _descended(params, gradients, state):
    import jax

    return jax.tree.map(lambda p, g: p - RATE * g, params, gradients), state


def _adam_start(params):
    import jax

    zeros = jax.tree.map(jax.numpy.zeros_like, params)
    return zeros, jax.tree.map(jax.numpy.zeros_like, params), jax.numpy.float32(0.0)


def _adam(params, gradients, state, b1=0.9, b2=0.999, eps=1e-8):
    import jax

    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, gradients)

    def moved(p, m, v):
        return p - RATE * (m / (1 - b1**t)) / (jax.numpy.sqrt(v / (1 - b2**t)) + eps)

    return jax.tree.map(moved, params, m, v), (m, v, t)


_JAX_OPTIMISERS = {"SGD": (lambda params: (), _descended), "Adam": (_adam_start, _adam)}
