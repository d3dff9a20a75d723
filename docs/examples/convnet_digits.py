"""The two-layer ConvNet of the slides, trained on digits.

Lecture 2 (neural networks) shows its code in PyTorch: two convolutions of 3 x 3 with 6 and 16
channels, ReLU and max-pooling behind each, three linear layers, and the loop

    optimizer.zero_grad(); loss = criterion(net(input), target); loss.backward(); optimizer.step()

which runs here as it stands there, with their plain SGD. A step takes 16 images at a rate of 0.1;
the slides' 0.01 gets as far with 2 images per step, in three times the time. The 16 * 6 * 6
features belong to images of 32 x 32 pixels, so each pixel of scikit-learn's 8 x 8 digits becomes a
square of 4 x 4. Pixels are brought to mean 0 and variance 1 first.
"""

import numpy as np
from side_by_side import figure, plot_path, save

from tapead import nn, optim


class Net(nn.Module):
    """The network of the slides, in their order."""

    def __init__(self):
        # 1 input image channel, 6 output channels, 3x3 square convolution kernel
        self.conv1 = nn.Conv2d(1, 6, 3, rng=0)
        self.conv2 = nn.Conv2d(6, 16, 3, rng=1)
        # an affine operation: y = Wx + b
        self.fc1 = nn.Linear(16 * 6 * 6, 120, rng=2)  # 6*6 from image dimension
        self.fc2 = nn.Linear(120, 84, rng=3)
        self.fc3 = nn.Linear(84, 10, rng=4)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        x = self.pool(np.maximum(self.conv1(x), 0))
        x = self.pool(np.maximum(self.conv2(x), 0))
        x = x.reshape(len(x), -1)
        x = np.maximum(self.fc1(x), 0)
        x = np.maximum(self.fc2(x), 0)
        return self.fc3(x)


def images(x):
    """Digits of 64 numbers from 0 to 1 as images of 32 x 32 pixels, with a channel."""
    x = (x - 0.31) / 0.38  # mean and deviation of all their pixels
    return np.kron(x.reshape(-1, 1, 8, 8), np.ones((4, 4), x.dtype))


def main(plot=None, n_train=1344, epochs=8):
    """Train by the loop of the slides; print losses and guesses, return the numbers."""
    digits = nn.load_dataset("digits")
    x, y, x_test, y_test = nn.split(digits.X, digits.y, 0.25)
    x, y, x_test = images(x[:n_train]), y[:n_train], images(x_test)
    net = Net()
    size = sum(p.size for p in net.parameters())
    print(f"{size} parameters, {len(y)} images")
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    rng, losses = np.random.default_rng(0), []
    for epoch in range(epochs):
        for rows in np.split(rng.permutation(len(y)), len(y) // 16):
            optimizer.zero_grad()
            loss = nn.cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-len(y) // 16 :]):.4f}")
    guesses = nn.predict(net, x_test)
    accuracy = nn.accuracy(guesses, y_test)
    print(f"on {len(y_test)} images that it has not seen: {accuracy:.1%}")
    print("labels ", *y_test[:20])
    print("guesses", *guesses.argmax(axis=1)[:20])
    drawing = figure(plot, ncols=6, figsize=(8, 1.8))
    if drawing:
        fig, axes = drawing
        for ax, kernel in zip(axes, net.arrays()["conv1.weight"], strict=True):
            ax.imshow(kernel[0], cmap="RdBu")
            ax.axis("off")
        save(fig, plot)
    return {"parameters": size, "losses": losses, "accuracy": accuracy}


if __name__ == "__main__":
    main(plot_path(__doc__))
