"""The command ``train``: a perceptron on a table or a file, from the data to the curve."""

import os
import time

import numpy as np

from tapead import nn, optim
from tapead._cli_expression import CommandError
from tapead.nn._data import TABLES, checked_rows, moments
from tapead.nn._files import save_arrays

OPTIMIZERS = {
    "sgd": optim.SGD, "rmsprop": optim.RMSprop, "adagrad": optim.Adagrad, "adam": optim.Adam,
    "adamw": optim.AdamW, "lamb": optim.LAMB,
}  # fmt: skip

LOADING = """\
    import numpy as np
    from tapead import nn
    file = np.load({path!r})
    net = nn.MLP(file["sizes"].tolist(), str(file["activation"]), float(file["dropout"]))
    net.load_state_dict({{name: file[name] for name in net.state_dict()}})
    outputs = net.eval()((X - file["mean"]) / file["scale"])
    {result}"""
RESULTS = {
    "classification": 'classes = file["classes"][outputs.argmax(axis=1)]',
    "regression": 'targets = outputs * file["target_scale"] + file["target_mean"]',
}


def train(arguments):
    """Train, and say how good the net is on rows that it has not seen."""
    try:
        return "\n".join(_trained(arguments))
    except (ArithmeticError, ImportError, TypeError, ValueError) as error:
        raise CommandError(f"{arguments.dataset}: {error}") from None
    except OSError as error:
        place = error.filename or arguments.dataset
        raise CommandError(f"{place}: {error.strerror or error}") from None


def _trained(arguments):
    """Lines of the report."""
    if arguments.epochs < 1:
        raise ValueError(f"--epochs is positive; got {arguments.epochs}")
    if arguments.plot is not None:
        nn.History([{"loss": 0.0}]).plot()  # before a minute of training: is there Matplotlib?
    for path in (arguments.plot, arguments.save):
        _check_writable(path)
    X, y, task, classes = loaded(arguments.dataset, arguments.labels, arguments.target)
    X, y = checked_rows(X, y, np.float32)
    is_labelled = task == "classification"
    X, y, X_test, y_test = nn.split(X, y, arguments.test, arguments.seed)
    scales = dict(zip(("mean", "scale"), moments(X), strict=True))
    X, X_test = nn.standardize(X, X_test)
    if not is_labelled:
        scales |= zip(("target_mean", "target_scale"), moments(y), strict=True)
        y, y_test = nn.standardize(y, y_test)
    sizes = (X.shape[1], *_sizes(arguments.hidden), max(len(classes), 2) if is_labelled else 1)
    net = nn.MLP(
        sizes, activation=arguments.activation, dropout=arguments.dropout, rng=arguments.seed
    )
    optimizer = _optimizer(arguments, net)
    metric, measured = ("accuracy", nn.accuracy) if is_labelled else ("r2", nn.r2)
    start = time.perf_counter()
    history = nn.fit(
        net, (X, y), loss=nn.cross_entropy if is_labelled else nn.mse_loss, optimizer=optimizer,
        epochs=arguments.epochs, batch_size=arguments.batch_size, validation=(X_test, y_test),
        metrics={metric: measured}, l2=arguments.l2, seed=arguments.seed,
        progress=False if arguments.quiet else None,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    yield (
        f"{arguments.dataset}: {len(X)} rows to train on, {len(X_test)} to test, {X.shape[1]} "
        f"features, " + (f"{len(classes)} classes" if is_labelled else "a number to predict")
    )
    n_numbers = sum(p.size for p in net.parameters())
    yield (
        f"net: {'-'.join(map(str, sizes))}, {arguments.activation}, {n_numbers} parameters; "
        f"{arguments.optimizer}, learning rate {optimizer.lr:g}, batches of {arguments.batch_size}"
    )
    last = history.rows[-1]
    yield (
        f"after {len(history)} epochs, {seconds:.1f} s: loss {last['loss']:.4g}; in the test loss "
        f"{last['val_loss']:.4g}, {metric} {last[f'val_{metric}']:.4f}"
    )
    if arguments.plot is not None:
        history.plot(arguments.plot)
        yield f"curve: {arguments.plot}"
    if arguments.save is not None:
        form = {"sizes": sizes, "activation": arguments.activation, "dropout": arguments.dropout}
        save_arrays(arguments.save, {**net.state_dict(), **form, **scales, "classes": classes})
        yield f"saved: {arguments.save}; in Python:"
        yield LOADING.format(path=str(arguments.save), result=RESULTS[task])


def _check_writable(path):
    """Raise before a minute of training."""
    if path is None:
        return
    if not os.path.isdir(os.path.dirname(path) or "."):
        raise ValueError(f"cannot write {path}: there is no such folder")
    if os.path.isdir(path):
        raise ValueError(f"cannot write {path}: it is a folder")


def loaded(name, labels, target):
    """The data set of a name: a table, or a file."""
    if name in TABLES:
        return nn.load_dataset(name)
    if not os.path.exists(name):
        raise ValueError(
            f"unknown dataset: there is no file of this name, and the tables are "
            f"{', '.join(TABLES)}"
        )
    if labels is None:
        column = int(target) if target.lstrip("-").isdigit() else target
        return nn.read_csv(name, target=column)
    images, labels = nn.read_idx(name), nn.read_idx(labels)
    if images.ndim < 2 or labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"expected images of shape (rows, ...) and an integer label per row; got "
            f"{images.shape} and {labels.shape} of {labels.dtype}"
        )
    X = images.reshape(len(images), -1).astype(np.float32)
    classes, y = np.unique(labels, return_inverse=True)
    return nn.Dataset(X, y, "classification", tuple(classes.tolist()))


def _sizes(text):
    try:
        sizes = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"--hidden takes sizes such as 64 or 64,32; got {text!r}") from None
    return sizes


def _optimizer(arguments, net):
    keywords = {} if arguments.lr is None else {"lr": arguments.lr}
    return OPTIMIZERS[arguments.optimizer](net.parameters(), **keywords)


def add_arguments(parser):
    """The arguments of the command."""
    parser.add_argument(
        "dataset", metavar="DATA",
        help=f"{', '.join(TABLES)}; or a CSV file; or an IDX file of images with --labels",
    )  # fmt: skip
    parser.add_argument("--hidden", default="64", metavar="SIZES", help="64; or 64,32 for two")
    parser.add_argument("--activation", default="relu", metavar="NAME", help="of hidden layers")
    parser.add_argument("--dropout", type=float, default=0.0, metavar="P")
    parser.add_argument("--epochs", type=int, default=20, metavar="N")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--lr", type=float, metavar="RATE", help="learning rate")
    parser.add_argument("--l2", type=float, default=0.0, metavar="WEIGHT", help="of the penalty")
    parser.add_argument("--test", type=float, default=0.2, metavar="SHARE", help="rows to test on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--target", default="-1", metavar="COLUMN", help="of a CSV file: number or name"
    )
    parser.add_argument("--labels", metavar="FILE", help="IDX file with the labels of an IDX file")
    parser.add_argument("--plot", metavar="FILE", help="draw the losses, as PNG, SVG or PDF")
    parser.add_argument("--save", metavar="FILE", help="keep the net, as arrays in an .npz file")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
