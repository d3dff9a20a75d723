"""Trace: one run of a function on a tape, and what was said about its derivatives."""

import functools
import numbers

import numpy as np

from tapead import _array, _tape
from tapead._array import Array
from tapead._trace import _array_facts, _facts, _formats, _layout, _text, _values
from tapead._trace._inputs import place
from tapead._trace._rows import Adjoint, Primal, Rows, Tangent

TEXT_ROWS, DOCUMENT_ROWS = 40, 1000  # what fits a look, and a page or two


def trace(f, /, *args, tangent=None, seed=1.0, **kwargs):
    """Run `f` once and return its trace.

    Parameters
    ----------
    f : callable
        Function of numbers and arrays that returns one number, or one array.
    *args : float, ndarray of float, or list, tuple, dict of them
        Arguments of `f`; every number and every array in them is an input, named after the argument
        it is in.
    tangent : dict of str to float or ndarray, optional
        Tangents of inputs by name, ``{"x1": 1.0}``; the others are 0.
    seed : float or ndarray, default 1.0
        Adjoint of the result.
    **kwargs
        Arguments of `f` by name, as `args`.

    Returns
    -------
    Trace

    Raises
    ------
    TypeError
        If an argument is not made of floats, or the result is not one number or array.

    Examples
    --------
    >>> import tapead
    >>> trace = tapead.trace(lambda x1, x2: tapead.sin(x1) * x2, 0.0, 3.0)
    >>> trace.value, trace.gradient
    (0.0, {'x1': 3.0, 'x2': 0.0})
    >>> for row in trace.adjoint:
    ...     print(row)
    v̄2 = 1
    v̄1 = v̄2 × v0 = 3
    v̄0 = v̄2 × v1 = 0
    v̄-1 = v̄1 × cos v-1 = 3
    """
    if not callable(f):
        raise TypeError(f"trace needs a function; got {type(f).__name__}")
    tape = _tape.Tape(sources=True)
    with tape:
        args, kwargs, names = place(tape, f, args, kwargs)
        result = f(*args, **kwargs)
        if type(result) is Array:
            _tape.node_of(tape, result)  # a view has its node from here on
    return Trace(tape, names, result, tangent=tangent, seed=seed, name=_function_name(f))


def _function_name(f):
    name = getattr(f, "__name__", type(f).__name__)
    return "f" if name == "<lambda>" else name


class Trace:
    """Trace of one run: primal, tangent and adjoint, row by row.

    Inputs are numbered v_{1-n} to v_0 and steps v_1, v_2, ... in the order they ran. Rows are read
    off the tape when they are asked for, so a trace takes no more room than its tape.

    Parameters
    ----------
    tape : Tape
        With the inputs as its first nodes.
    names : Names
        Names of the inputs.
    result : Var, Array or float
    tangent : dict of str to float or ndarray, optional
    seed : float or ndarray, default 1.0
    name : str, default "f"
        What the function is called.

    Attributes
    ----------
    value : float or ndarray
        Value of the result.
    """

    def __init__(self, tape, names, result, *, tangent=None, seed=1.0, name="f"):
        self._tape, self._names = tape, names
        self._result, self.value = _read_result(tape, result, name)
        self._holds_arrays = _array.holds_arrays(tape)
        self._seed = _as_seed(seed, self.value, "seed")
        self._seeds = None if tangent is None else _read_tangent(tangent, self.inputs, names)
        self._name = name

    def __len__(self):
        return len(self._tape) - len(self._names)

    def __bool__(self):
        return True

    def __repr__(self):
        return (
            f"<Trace of {self._name}: {len(self._names)} inputs, {len(self)} steps, "
            f"value {_values.number_text(self.value) if np.ndim(self.value) else repr(self.value)}>"
        )

    def __str__(self):
        return self.to_text(ascii=not _text.terminal_writes_unicode())

    def _repr_html_(self):
        return self.to_html(max_rows=TEXT_ROWS)

    @property
    def inputs(self):
        """Values of the inputs, a dict by name."""
        return dict(zip(self._names, self._input_values(), strict=True))

    @property
    def gradient(self):
        """Adjoints of the inputs, a dict by name; 0.0 where the result does not depend on one."""
        if self._holds_arrays:
            bars = map(self._bar_or_zero, range(1, len(self._names) + 1))
        else:
            bars = (self._bars[1 : len(self._names) + 1] + 0.0).tolist()
        return dict(zip(self._names, bars, strict=True))

    @property
    def primal(self):
        """Rows of the inputs, then of the steps in the order they ran."""
        return Rows(Primal(self))

    @property
    def tangent(self):
        """Rows of the tangents of inputs and steps; empty if no tangent was asked for."""
        return Rows(Tangent(self))

    @property
    def adjoint(self):
        """Rows of the adjoints: the seed, then every increment in the order it happened."""
        return Rows(Adjoint(self))

    def to_text(self, ascii=False, max_rows=TEXT_ROWS, width=None):
        """Tables for a terminal, side by side where they fit.

        Parameters
        ----------
        ascii : bool, default False
            Whether to write ``bar(v1)`` for v̄₁ and keep to ASCII altogether.
        max_rows : int or None, default 40
            Inputs and steps shown, half of them from each end; None is all.
        width : int, optional
            Columns of the terminal; by default those it has.

        Returns
        -------
        str
        """
        return _text.render(self, ascii, max_rows, width)

    def to_markdown(self, max_rows=DOCUMENT_ROWS):
        """Table in Markdown.

        Parameters
        ----------
        max_rows : int or None, default 1000
            Inputs and steps shown, half of them from each end; None is all.

        Returns
        -------
        str
        """
        return _formats.markdown(_layout.Table(self, _layout.MARKDOWN, max_rows))

    def to_latex(self, max_rows=DOCUMENT_ROWS):
        """Table in LaTeX; needs amsmath and booktabs. Parameters as of `to_markdown`."""
        return _formats.latex(_layout.Table(self, _layout.LATEX, max_rows))

    def to_html(self, path=None, max_rows=DOCUMENT_ROWS, interactive=False):
        """Table in HTML, or a page to step through.

        The table has source lines as tooltips. The page is one file that needs no network: graph
        and tables, and a slider, buttons and keys that step through the forward sweep and back
        through the reverse sweep, with the numbers in the formula and each total so far. Its
        address may end in ``#step=7``. Without JavaScript it shows everything.

        Parameters
        ----------
        path : str or path-like, optional
            File to write to.
        max_rows : int or None, default 1000
            Inputs and steps shown, half of them from each end; None is all.
        interactive : bool, default False
            Whether to make the page; above 300 nodes it has no graph.

        Returns
        -------
        str or None
            The text; None if it went to a file.

        Examples
        --------
        >>> import tapead
        >>> trace = tapead.trace(lambda x: x * tapead.sin(x), 2.0)
        >>> page = trace.to_html(interactive=True)
        >>> page[:15], "v1 = sin v0" in page.translate({0x2080: "0", 0x2081: "1"})
        ('<!DOCTYPE html>', True)
        """
        if not interactive:
            return _formats.written(
                _formats.html(_layout.Table(self, _layout.HTML, max_rows)), path
            )
        from tapead._trace import _page

        return _formats.written(_page.page(self, max_rows), path)

    def to_csv(self):
        """All rows as CSV: trace, name, formula, value, source."""
        from tapead._trace import _data

        return _data.csv_text(self)

    def to_json(self):
        """All rows as JSON; NaN and infinities are the strings "NaN", "Infinity", "-Infinity".

        Returns
        -------
        str
            ``{"inputs": {name: value}, "value": ..., "gradient": {name: value}, "primal":
            [{"name": ..., "formula": ..., "value": ...}], "adjoint": [...], "tangent": [...]}``.
        """
        from tapead._trace import _data

        return _data.json_text(self)

    def to_dot(self):
        """Computational graph for Graphviz; partials stand on the edges.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            Above 10,000 nodes.
        """
        from tapead._trace import _graph

        return _graph.dot(self)

    def to_svg(self):
        """Drawing of the computational graph, as SVG; partials stand on the edges.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            Above 300 nodes.
        """
        from tapead._trace import _svg

        return _svg.draw(self)

    def health(self):
        """What to look at twice: NaN, infinity, kinks, ties and 0 × inf met in this run.

        Returns
        -------
        Health
            Printable; iterates over its findings.
        """
        from tapead._trace import _health

        return _health.Health(self)

    # What readers and renderers build on.

    @functools.cached_property
    def _bars(self):
        """Adjoints of all numbers up to the result, by node; -0.0 where nothing arrived."""
        if self._holds_arrays:
            return _array_facts.numbers(self._adjoints)
        if not self._result:
            return np.full(len(self._names) + 1, -0.0)
        bars = _tape.adjoints(self._tape, self._result, self._seed, 1)
        missing = len(self._names) + 1 - len(bars)
        return np.append(bars, np.full(max(0, missing), -0.0))

    @functools.cached_property
    def _dots(self):
        """Tangents of all numbers, by node; -0.0 where nothing arrived."""
        if self._holds_arrays:
            return _array_facts.numbers(self._tangents)
        return _tape.tangents(self._tape, self._seeds or {})

    def _bars_above(self, node):
        """Adjoints as they stand when the reverse sweep comes to `node`."""
        return _tape.adjoints(self._tape, self._result, self._seed, node + 1)

    @functools.cached_property
    def _adjoints(self):
        """Adjoints of all nodes of a tape that holds arrays."""
        return _array_facts.adjoints(self)

    @functools.cached_property
    def _tangents(self):
        """Tangents of all nodes of a tape that holds arrays."""
        return _array_facts.tangents(self)

    def _is_array(self, node):
        return self._holds_arrays and _array.is_array_node(self._tape, node)

    def _bar(self, node):
        """Adjoint of a node, None where nothing arrived."""
        if self._holds_arrays:
            return self._adjoints.at(node)
        return _number_at(self._bars, node)

    def _dot(self, node):
        """Tangent of a node, None where nothing arrived."""
        return self._tangents.at(node) if self._holds_arrays else _number_at(self._dots, node)

    def _zero(self, node):
        """What stands for nothing having arrived at a node."""
        if not self._is_array(node):
            return 0.0
        return _array_facts.zero_like(_array.value_of_node(self._tape, node))

    def _bar_or_zero(self, node):
        bar = self._bar(node)
        return self._zero(node) if bar is None else _values.without_marks(bar)

    def _input_values(self):
        if self._holds_arrays:
            steps = _facts.steps(self._tape, 1, len(self._names) + 1)
            return [_values.unshared(step.value) for step in steps]
        return _tape.columns(self._tape, 1, len(self._names) + 1)["value"].tolist()


def _number_at(values, node):
    if node >= len(values) or _facts.is_unreached(float(values[node])):
        return None
    return float(values[node]) + 0.0


def _read_result(tape, result, name):
    """Node and value of a function's result; node 0 is a constant."""
    if type(result) in (_tape.Var, Array):
        return _tape.node_of(tape, result), result.value
    if isinstance(result, bool | np.bool_) or not isinstance(
        result, (float, int, np.floating, np.integer, numbers.Rational)
    ):
        raise TypeError(
            f"{name} must return one number or traced array; got {type(result).__name__}"
            " (reduce it to a number, for example by a sum, or index it)"
        )
    return 0, float(result)


def _read_tangent(tangent, inputs, names):
    """Tangents by node."""
    if not isinstance(tangent, dict):
        raise TypeError(f"tangent is a dict of input names to floats; got {type(tangent).__name__}")
    nodes = {name: node for node, name in enumerate(names, start=1) if name in tangent}
    for name in tangent:
        if name not in nodes:
            raise ValueError(f"tangent names {name!r}; the inputs are {names.summary()}")
    return {
        nodes[name]: _as_seed(value, inputs[name], f"tangent of {name}")
        for name, value in tangent.items()
    }


def _as_seed(value, like, what):
    """A number; for an array also an array of its shape."""
    if isinstance(like, np.ndarray) and isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        if value.shape != like.shape:
            raise ValueError(f"expected a {what} of shape {like.shape}; got shape {value.shape}")
        return value.astype(like.dtype)
    if isinstance(value, bool) or not isinstance(value, (float, int, np.floating, np.integer)):
        raise TypeError(f"{what} is a float; got {type(value).__name__}")
    return float(value)
