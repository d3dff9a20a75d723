"""History: what training has measured, epoch by epoch."""

import json

import numpy as np


class History:
    """Numbers of each epoch: the loss, and whatever else was measured.

    Parameters
    ----------
    rows : list of dict, optional
        One per epoch: numbers by name.

    See Also
    --------
    fit : Returns one.

    Examples
    --------
    >>> from tapead import nn
    >>> history = nn.History([{"loss": 2.0}, {"loss": 1.0}])
    >>> history["loss"], len(history)
    ([2.0, 1.0], 2)
    """

    def __init__(self, rows=()):
        self.rows = list(rows)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        if name not in self.names:
            raise KeyError(f"no {name!r} was measured; there are {', '.join(self.names)}")
        return [row[name] for row in self.rows]

    @property
    def names(self):
        """What was measured."""
        return list(self.rows[0]) if self.rows else []

    @property
    def watched(self):
        """What tells the best epoch: the loss of the validation, if there is one."""
        return "val_loss" if "val_loss" in self.names else "loss"

    @property
    def best_epoch(self):
        """Number of the epoch, from 0, with the smallest loss that is watched."""
        return int(np.argmin(self[self.watched]))

    def plot(self, path=None, ax=None):
        """Draw the losses, and beside them the metrics, over the epochs.

        Parameters
        ----------
        path : path, optional
            File to write, in the format that its name says.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Where the losses are.

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        figure_class = matplotlib_figure()
        ax = figure_class(figsize=(6, 4), layout="constrained").subplots() if ax is None else ax
        epochs = np.arange(1, len(self) + 1)
        losses = [name for name in self.names if name in ("loss", "val_loss")]
        metrics = [name for name in self.names if name not in (*losses, "lr")]
        for name in losses:
            ax.plot(epochs, self[name], label=name)
        ax.set(xlabel="epoch", ylabel="loss")
        lines, top = [*ax.get_lines()], ax
        if metrics:
            top = ax.twinx()
            for i, name in enumerate(metrics, start=len(losses)):
                lines += top.plot(epochs, self[name], "--", color=f"C{i}", label=name)
            top.set_ylabel("metric")
        top.legend(handles=lines, loc="center right")
        if path is not None:
            ax.figure.savefig(path)
        return ax

    def to_json(self):
        """Return all rows as text.

        Returns
        -------
        str
            A list of objects; every float is written in full.
        """
        return json.dumps(self.rows)

    def __repr__(self):
        if not self.rows:
            return "History()"
        last = ", ".join(f"{name}={value:.4g}" for name, value in self.rows[-1].items())
        return f"History({len(self)} epochs; last: {last})"


def matplotlib_figure():
    """Matplotlib's Figure, or an error that says how to install it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plots need Matplotlib: pip install 'tapead[nn]'") from None
    return Figure
