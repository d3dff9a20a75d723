"""Pages of all public names, from their docstrings: one for each part of tapead, one per module."""

import functools
import importlib
import inspect

from docutils import nodes
from generated import DOCS, directive, title, write
from sphinx import addnodes
from sphinx.util.docutils import SphinxRole

import tapead
from tapead.elementals import ROWS

FOLDER = DOCS / "api"
HEAD = """\
Every public name, with what its docstring says. The functions of numbers that are rows of the
table, as ``tapead.sin``, stand on the page of the :doc:`elementals </api/elementals>`.

"""
PARTS = {  # names of tapead by file and heading
    ("transforms", "Transforms"): (
        "grad value_and_grad jvp vjp jacobian jacfwd jacrev hessian hvp derivative"
        " jet taylor sparse_jacobian sparse_hessian elementwise_grad vmap checkpoint"
        " checkpointed_loop stop_gradient"
    ),
    ("programs", "Programs"): (
        "record compile load Program ArrayProgram Status set_num_threads get_num_threads"
    ),
    ("tapes", "Tapes and traced values"): "Tape Var Array array stack primitive",
    ("traces", "Traces"): "trace Trace",
    ("functions", "Functions that are no rows"): (
        "clip where polygamma logsumexp softmax log_softmax one_hot"
    ),
    ("errors", "Errors"): "BranchChanged TapeError TapeMemoryError",
}
MODULES = {
    "implicit": "What an equation defines",
    "optimize": "For SciPy's solvers",
    "testing": "Checks",
    "nn": "Nets",
    "distributed": "More than one machine",
    "optim": "Optimisers",
    "fft": "Transforms of cosines and sines",
    "numpy": "NumPy's namespace",
    "primitives": "Array operations and their rules",
}
INHERIT = {
    "Program",
    "ArrayProgram",
    "Objective",
    "VectorObjective",
}  # from classes that are not public
SKLEARN = "set_fit_request, set_score_request"  # made by scikit-learn, with links into its manual


def setup(app):
    """Write the pages before Sphinx looks for them, and know links to names in docstrings."""
    app.connect("config-inited", lambda app, config: make())
    # numpydoc's reading of signatures fails where a class has none, as Program; autodoc's does not.
    app.events.listeners.get("autodoc-process-signature", []).clear()
    app.add_role("name", NameRole())
    app.connect("doctree-read", link_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def make():
    """Write the list of pages, and the pages."""
    files = [file for file, _ in PARTS] + list(MODULES)
    tree = directive("toctree", content="\n".join(files), maxdepth="1")
    write(FOLDER / "index.rst", title("All names") + HEAD + tree)
    for (file, heading), names in PARTS.items():
        write(FOLDER / f"{file}.rst", page(heading, tapead, names.split(), "currentmodule"))
    for name, heading in MODULES.items():
        module = importlib.import_module(f"tapead.{name}")
        text = page(f"{heading}: {module.__name__}", module, names_of(module), "automodule")
        write(FOLDER / f"{name}.rst", text)


def page(heading, module, names, opens):
    """A page: a table of names, and what the docstring of each says."""
    table = directive("autosummary", content="\n".join(names), nosignatures="") if names else ""
    entries = "".join(entry(module, name) for name in names)
    return f"{title(heading)}.. {opens}:: {module.__name__}\n\n{table}{entries}"


def entry(module, name):
    """What autodoc makes of a name."""
    thing = getattr(module, name)
    if not inspect.isclass(thing):
        return directive("autofunction", name)
    if issubclass(thing, Exception):
        return directive("autoexception", name)
    inherited = {"inherited-members": ""} if name in INHERIT else {}
    return directive("autoclass", name, members="", **inherited, **{"exclude-members": SKLEARN})


class NameRole(SphinxRole):
    """What single backquotes are in a docstring: a link if the name is a public one, else code."""

    def run(self):
        """The node for the name."""
        return [linked(nodes.literal(self.rawtext, self.text), self.env.docname)], []


def linked(literal, docname):
    """The node in a link, if its text is a public name or a call of one."""
    name = literal.astext().partition("(")[0]
    target = name if name.startswith("tapead") else f"tapead.{name}"
    if target not in public_names():
        return literal
    where = {"refdomain": "py", "reftype": "obj", "reftarget": target, "refdoc": docname}
    return addnodes.pending_xref("", literal, **where)


def link_reference(app, doctree):
    """Link the names in the first column of the reference's tables."""
    docname = app.env.docname
    for row in doctree.findall(nodes.row) if docname == "reference" else ():
        for literal in list(row.children[0].findall(nodes.literal)):
            literal.replace_self(linked(literal.deepcopy(), docname))


@functools.cache
def public_names():
    """Names that have an entry, with that of their module in front."""
    names = {f"tapead.{name}" for name in listed_names()}
    names |= {f"tapead.{name}" for row in ROWS if row.public for name in row.names}
    for name in MODULES:
        module = importlib.import_module(f"tapead.{name}")
        names |= {module.__name__, *(f"{module.__name__}.{x}" for x in names_of(module))}
    return names


def names_of(module):
    """Public functions and classes: those of ``__all__``, or those that the module defines."""
    if hasattr(module, "__all__"):
        return sorted(name for name in module.__all__ if callable(getattr(module, name)))
    own = (x for x in vars(module).values() if getattr(x, "__module__", "") == module.__name__)
    return sorted(x.__name__ for x in own if not x.__name__.startswith("_"))


def listed_names():
    """Names of tapead itself that have an entry."""
    return {name for names in PARTS.values() for name in names.split()}


def missing_names():
    """Public names of tapead that have no entry, neither here nor among the elementals."""
    rows = {name for row in ROWS for name in row.names}
    modules = {"distributed", "implicit", "math", "nn", "optim", "optimize", "testing"}
    return set(tapead.__all__) - rows - modules - listed_names() - {"__version__"}
