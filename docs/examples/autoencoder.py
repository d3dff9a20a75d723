"""An autoencoder of handwritten digits.

Lecture 2 (neural networks) names the autoencoder beside its "cat neuron": a network whose targets
are its inputs, with a narrow layer in the middle. Here 64 pixels pass through 8 numbers. A linear
autoencoder can do no better than the 8 principal components, whose error is known in closed form,
the sum of the squared singular values from the ninth on. The network is not linear and does better.
"""

import numpy as np
from side_by_side import figure, plot_path, save

from tapead import nn, optim

N_CODE = 8
SHADES = " .:-=+*#%@"


def network():
    encoder = nn.Sequential(nn.Linear(64, 48, rng=0), nn.ReLU(), nn.Linear(48, N_CODE, rng=1))
    decoder = nn.Sequential(nn.Linear(N_CODE, 48, rng=2), nn.ReLU(), nn.Linear(48, 64, rng=3))
    return nn.Sequential(encoder, decoder)


def principal_error(x, n):
    """Mean squared error of the best n directions."""
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    return float(np.sum(singular[n:] ** 2) / x.size)


def text(image):
    """Eight lines of characters, darker for larger values."""
    low, high = image.min(), image.max()
    shades = ((image - low) / (high - low) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[i] * 2 for i in row) for row in shades.reshape(8, 8)]


def main(plot=None, epochs=30):
    """Print the errors, and digits beside what is left of them; return the errors."""
    x = nn.load_dataset("digits").X
    net = network()
    history = nn.fit(
        net,
        (x, x),
        loss=nn.mse_loss,
        optimizer=optim.Adam(net.parameters(), lr=0.003),
        epochs=epochs,
        progress=False,
    )
    again = nn.predict(net, x)
    error, principal = float(np.mean((again - x) ** 2)), principal_error(x, N_CODE)
    print(f"loss by epoch: {history['loss'][0]:.4f} ... {history['loss'][-1]:.4f}")
    print(f"{N_CODE} numbers by the network {error:.4f}, by principal components {principal:.4f}\n")
    for i in (0, 3):
        for left, right in zip(text(x[i]), text(again[i]), strict=True):
            print(f"{left}   {right}".rstrip())
        print()
    draw(x, again, plot)
    return {"error": error, "principal": principal, "losses": history["loss"]}


def draw(x, again, plot):
    drawing = figure(plot, nrows=2, ncols=10, figsize=(8, 2))
    if drawing:
        fig, axes = drawing
        for i, (top, bottom) in enumerate(axes.T):
            for ax, images in ((top, x), (bottom, again)):
                ax.imshow(images[i].reshape(8, 8), cmap="gray_r")
                ax.axis("off")
        save(fig, plot)


if __name__ == "__main__":
    main(plot_path(__doc__))
