"""Einstein sums, as products of two operands at a time."""

import math
import operator
import string

import numpy as np

from tapead.primitives._core import as_array, data_of, is_traced, view_of
from tapead.primitives._reductions import in_dtype
from tapead.primitives._row import Primitive, answers, call, into

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # in the order of the labels 0 to 51
_LARGE = 2**13  # terms, from which a way to BLAS is worth the 10 us that it takes to find one


def _pair_value(x, y, labels):
    sizes = dict(zip(labels[0] + labels[1], x.shape + y.shape, strict=True))
    large = math.prod(sizes.values()) > _LARGE
    return np.einsum("{},{}->{}".format(*labels), x, y, optimize=large)


def _pair_pullback(i, w, v, x, y, labels):
    of_x, of_y, of_v = labels
    if i == 0:
        return _pair(w, y, labels=(of_v, of_y, of_x))
    return _pair(x, w, labels=(of_x, of_v, of_y))


# Every label of an operand is one of the other's or of the result, with the same length, so that
# an adjoint is such a sum again.
_pair = Primitive(
    "einsum",
    _pair_value,
    _pair_pullback,
    reads="xy",
    adjoints=("einsum of Z̄ and Y", "einsum of X and Z̄"),
)


@answers(
    np.einsum,
    samples=(
        lambda r: call("ij,jk->ik", r.normal(size=(2, 3)), r.normal(size=(3, 4))),
        lambda r: call("ii->", r.normal(size=(3, 3))),
        lambda r: call("...ij,...j", r.normal(size=(2, 1, 3, 4)), r.normal(size=(3, 4))),
        lambda r: call("iij,kj->ik", r.normal(size=(2, 2, 3)), r.normal(size=(4, 3))),
        lambda r: call("ij,k->j", r.normal(size=(2, 3)), r.normal(size=4)),
        lambda r: call(r.normal(size=(2, 3)), [0, 1], r.normal(size=3), [1], [0]),
        lambda r: call(r.normal(size=(2, 3, 4)), [..., 1, 0]),
        lambda r: call("i,ij,jk,k", *(r.normal(size=n) for n in (2, (2, 3), (3, 4), 4))),
        lambda r: call("ij,ij->i", r.normal(size=(2, 1)), r.normal(size=(1, 3)), optimize=True),
    ),
)
def einsum(*operands, out=None, optimize=False, dtype=None, order="K", casting="safe"):
    arrays, inputs, output = _parsed(operands)
    if len(arrays) != len(inputs):
        raise ValueError(f"expected {len(inputs)} operands, as labelled; got {len(arrays)}")
    arrays = [in_dtype(as_array(x), dtype) for x in arrays]
    inputs, output = _spelled(arrays, inputs, output)
    terms = [_without_repeats(*term) for term in zip(arrays, inputs, strict=True)]
    for places in _path(terms, output, optimize):
        chosen = [terms.pop(place) for place in sorted(places, reverse=True)]
        while len(chosen) > 1:
            x, y = chosen.pop(), chosen.pop()
            others = "".join(labels for _, labels in terms + chosen)
            chosen.append(_contracted(x, y, output, others))
        terms += chosen
    return into(out, _summed(*terms[0], output))


@answers(np.einsum_path)
def einsum_path(*operands, **kwargs):
    return np.einsum_path(*(data_of(x) if is_traced(x) else x for x in operands), **kwargs)


def _parsed(operands):
    """Operands, the labels of each, and those of the result: None where they are implied."""
    if isinstance(operands[0], str):
        inputs, arrow, output = operands[0].replace(" ", "").partition("->")
        return operands[1:], inputs.split(","), output if arrow else None
    output = _spelled_out(operands[-1]) if len(operands) % 2 else None
    n = len(operands) // 2 * 2
    return operands[:n:2], [_spelled_out(sublist) for sublist in operands[1:n:2]], output


def _spelled_out(sublist):
    """A list of labels as text."""
    return "".join("..." if i is Ellipsis else LETTERS[operator.index(i)] for i in sublist)


def _spelled(arrays, inputs, output):
    """The labels of every operand, and those of the result, with letters for the ellipses."""
    counts = [_n_unlabelled(*pair) for pair in zip(arrays, inputs, strict=True)]
    free = "".join(c for c in LETTERS if c not in "".join(inputs))
    letters = free[: max(counts, default=0)]
    spelled = [
        labels.replace("...", letters[len(letters) - n :])
        for labels, n in zip(inputs, counts, strict=True)
    ]
    if output is None:
        text = "".join(inputs).replace(".", "")
        return spelled, letters + "".join(sorted(c for c in text if text.count(c) == 1))
    if letters and "..." not in output:
        raise ValueError(f"expected an ellipsis in the result, as in the operands; got {output!r}")
    output = output.replace("...", letters)
    if len(set(output)) < len(output) or not set(output) <= set("".join(spelled)):
        raise ValueError(f"expected labels of the operands, each once, after ->; got {output!r}")
    return spelled, output


def _n_unlabelled(x, labels):
    """The number of axes that an ellipsis stands for."""
    n = x.ndim - len(labels.replace("...", ""))
    if n < 0 or (n > 0 and "..." not in labels):
        raise ValueError(f"expected an operand with axes {labels!r}; got shape {x.shape}")
    return n


def _without_repeats(x, labels):
    """The diagonal along axes that share a label, and its labels."""
    once = "".join(dict.fromkeys(labels))
    if len(once) == len(labels):
        return x, labels
    function, how = np.einsum, f"{labels}->{once}"
    view = view_of(x, lambda a: function(how, a)) if is_traced(x) else function(how, x)
    return view, once


def _path(terms, output, optimize):
    """Which operands to contract, one group after the other."""
    if len(terms) <= 2:
        return [tuple(range(len(terms)))]
    shapes = [[n for _, n in _axes(term)] for term in terms]
    stand_ins = [np.broadcast_to(np.float64(), shape) for shape in shapes]
    how = f"{','.join(labels for _, labels in terms)}->{output}"
    return np.einsum_path(how, *stand_ins, optimize=optimize or "greedy")[0][1:]


def _contracted(x, y, output, others):
    """The sum over what two operands share and nothing else has, and its labels."""
    sizes = _sizes(x, y)
    wanted = set(output + others)
    long_x, long_y = ({c for c, n in _axes(term) if n == sizes[c]} for term in (x, y))
    of_x = "".join(c for c in x[1] if c in long_x and (c in long_y or c in wanted))
    of_y = "".join(c for c in y[1] if c in long_y and (c in long_x or c in wanted))
    labels = "".join(c for c in dict.fromkeys(of_x + of_y) if c in wanted)
    if of_x and of_y and not others:
        labels = output
    x, y = _summed(*x, of_x), _summed(*y, of_y)
    if not of_x or not of_y:
        return x * y, labels
    return _pair(x, y, labels=(of_x, of_y, labels)), labels


def _axes(term):
    """Label and length of every axis; a number has none."""
    x, labels = term
    return zip(labels, x.shape if labels else (), strict=True)


def _sizes(*terms):
    """Length of the axes by label; 1 broadcasts."""
    sizes = {}
    for c, n in [pair for term in terms for pair in _axes(term)]:
        known = sizes.get(c, 1)
        if n != known and n != 1 != known:
            raise ValueError(f"expected axes of one length for the label {c}; got {n} and {known}")
        sizes[c] = n if known == 1 else known
    return sizes


def _summed(x, labels, output):
    """The sum over the labels that `output` has not, in its order."""
    axes = tuple(i for i, c in enumerate(labels) if c not in output)
    x = np.sum(x, axis=axes) if axes else x
    labels = "".join(c for c in labels if c in output)
    order = [labels.index(c) for c in output]
    return x if order == sorted(order) else np.transpose(x, order)
