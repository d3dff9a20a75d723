"""What the report writes: tables and a chart for the docs, and their part in README.md.

``docs/figures/speed.md`` holds the tables, each after a comment with its name. A run replaces the
tables that it measured there; the chart, the part in README.md and the small table of the home page
are made from that page.
"""

import importlib.metadata
import platform
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
PAGE, CHART, README = FIGURES / "speed.md", FIGURES / "speed.svg", ROOT / "README.md"
HOME = FIGURES / "home.md"

TITLES = {  # in the order of the page
    "record": "**Loops over numbers, recorded in each call**, gradient over plain function",
    "replay": "**Loops over numbers, recorded once**, gradient over plain function",
    "arrays": "**NumPy code on arrays, recorded in each call**, gradient over plain function",
    "arrays-replay": "**NumPy code on arrays, recorded once**, gradient over plain function",
    "arrays-memory": "**Memory**, megabytes by which a gradient raises the peak",
    "second-order": "**Second order, sparse, many points**, microseconds (targets are those of the "
    "machine that they were set on)",
    "training": "**Training steps**, PyTorch's time over that of the step",
}
IN_README = "record", "replay", "arrays", "second-order"
PACKAGES = ["numpy", "autograd", "casadi", "jax", "micrograd", "mygrad", "torch", "xad"]
PREFACE = """\
# Figures

Value and gradient over the time of the same plain function: one process on one core, systems
interleaved, minimum of several rounds, every answer checked against a second source before it is
timed. `target` is what tapead holds itself to, `floor` a bare recorder or adjoints written by hand;
n/a is what a system was not asked for. To reproduce:
`pip install -e '.[bench,peers]' && python benchmarks/report.py`."""
MARK, END = "<!-- figures: python benchmarks/report.py -->", "<!-- end of figures -->"
ON_HOME = {  # column: table and its column
    "tapead": ("record", "tapead"),
    "replayed": ("replay", "tapead-arrays"),
    "xad": ("record", "xad"),
    "micrograd": ("record", "micrograd"),
    "torch": ("record", "torch"),
    "autograd": ("record", "autograd"),
}
HOME_ROWS = ("rosenbrock-1000", "lotka-volterra", "asian-option", "mlp-2-16-16-1")
CHARTED = {  # table: title, columns
    "record": ("recorded in each call", ["tapead", "xad", "micrograd", "torch", "autograd"]),
    "replay": ("recorded once", ["tapead", "tapead-arrays", "casadi", "jax"]),
    "arrays": ("arrays, recorded in each call", ["tapead", "torch", "mygrad", "autograd"]),
    "arrays-replay": ("arrays, recorded once", ["tapead", "jax"]),
}
STYLES = {  # marker and colour of a system, the same in all panels
    "tapead": "DC3", "tapead-arrays": "dC1", "xad": "sC0", "micrograd": "^C2", "torch": "oC4",
    "autograd": "vC5", "mygrad": "<C6", "casadi": "pC8", "jax": "xC9",
}  # fmt: skip
LABELS = {  # how pages name what was measured
    "three-operations": "ln x1 + x1 x2 - sin x2",
    "rosenbrock-10": "Rosenbrock, n = 10",
    "rosenbrock-1000": "Rosenbrock, n = 1,000",
    "rosenbrock-10000": "Rosenbrock, n = 10,000",
    "speelpenning-1000": "Speelpenning's product, n = 1,000",
    "lotka-volterra": "Lotka-Volterra, RK4, 1,000 steps",
    "asian-option": "Asian option, 100 paths of 252 steps",
    "mlp-2-16-16-1": "MLP 2-16-16-1 on scalars, 100 points",
    "tanh-chain-1": "1,000 tanh in a chain, length 1",
    "tanh-chain-100": "1,000 tanh in a chain, length 100",
    "logistic-regression": "logistic regression, 10,000 x 100",
    "logsumexp-1000000": "logsumexp of 10^6",
    "rosenbrock-slices-1000": "Rosenbrock by slices, n = 1,000",
    "rosenbrock-slices-1000000": "Rosenbrock by slices, n = 10^6",
    "mlp-784-128-10": "MLP 784-128-10, batch 32, float64",
    "mlp-784-512-256-10": "MLP 784-512-256-10, batch 128, float32",
    "dense-hessian-rosenbrock-100": "dense Hessian, Rosenbrock, n = 100",
    "hvp-rosenbrock-1000": "Hessian-vector product, Rosenbrock, n = 1,000",
    "sparse-jacobian-tridiagonal-1000": "sparse Jacobian, tridiagonal, n = 1,000",
    "asian-option-100000-paths": "gradient at 10^5 paths of 252 steps, per path",
}


def write(name, table):
    """Replace a table of the page, and all that is made from the page."""
    FIGURES.mkdir(exist_ok=True)
    tables = read(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    tables[name] = labelled(table)
    PAGE.write_text(page(tables, platform_line()), "utf-8")
    README.write_text(with_figures(README.read_text("utf-8"), tables), "utf-8")
    HOME.write_text(home(tables), "utf-8")
    draw(tables, CHART)


def page(tables, where):
    blocks = [PREFACE, where]
    for name in (name for name in TITLES if name in tables):
        blocks += [f"<!-- table: {name} -->", TITLES[name], tables[name]]
    return "\n\n".join(blocks) + "\n"


def labelled(table):
    lines = [line.split(" | ", 1) for line in table.split("\n")]
    return "\n".join(
        " | ".join([f"| {LABELS.get(name[2:], name[2:])}", *rest]) for name, *rest in lines
    )


def read(text):
    """Return {name: table} of a page."""
    found = re.findall(r"<!-- table: (\S+) -->\n\n[^\n]*\n\n((?:\|[^\n]*\n)+)", text)
    return {name: table.strip() for name, table in found}


def platform_line():
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"CPython {platform.python_version()}, {platform.machine()}; {', '.join(versions)}."


def with_figures(readme, tables):
    """Return README's text with the figures of the page between the two comments."""
    before, _, rest = readme.partition(MARK)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"expected {MARK} and {END} in README.md")
    blocks = [MARK]
    for name in (name for name in IN_README if name in tables):
        blocks += [TITLES[name], tables[name]]
    return before + "\n\n".join([*blocks, END]) + after


def home(tables):
    """Return the table of the home page: a few rows, recorded in each call and replayed."""
    found = {name: cells(tables[name]) for name in ("record", "replay") if name in tables}
    lines = [["gradient over plain function", *ON_HOME], ["---", *["--:"] * len(ON_HOME)]]
    for row in (LABELS[name] for name in HOME_ROWS):
        figures = [found.get(t, {}).get(row, {}).get(system) for t, system in ON_HOME.values()]
        texts = ["n/a" if x is None else f"{x:g}" for x in figures]
        lines.append([row.split(",")[0], *(f"**{text}**" for text in texts[:2]), *texts[2:]])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return table + "\n"


def cells(table):
    """Return {row: {column: figure}} of a Markdown table; what is no figure is left out."""
    head, _, *lines = [
        [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table.split("\n")
    ]
    return {
        name: {column: float(x) for column, x in zip(head[1:], row, strict=True) if is_figure(x)}
        for name, *row in lines
    }


def is_figure(text):
    return re.fullmatch(r"[\d.]+(e[+-]?\d+)?", text) is not None


def draw(tables, path):
    """Draw a dot for each system and workload: how much a gradient costs over the function."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = {name: cells(tables[name]) for name in CHARTED if name in tables}
    if not panels:
        return
    with mpl.rc_context({"svg.hashsalt": "tapead", "svg.fonttype": "none", "font.size": 8}):
        heights = [1 + len(rows) for rows in panels.values()]
        figure = Figure(figsize=(8, 0.22 * sum(heights) + 1.2), layout="constrained")
        axes = figure.subplots(len(panels), sharex=True, height_ratios=heights, squeeze=False)
        for ax, (name, rows) in zip(axes[:, 0], panels.items(), strict=True):
            title, systems = CHARTED[name]
            ax.set_title(title, loc="left", fontweight="bold")
            draw_panel(ax, rows, systems)
        axes[-1, 0].set_xlabel("gradient over plain function (times; log scale)")
        figure.savefig(path, metadata={"Date": None})
    path.write_text(re.sub(r"[ \t]+$", "", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")


def draw_panel(ax, rows, systems):
    names = list(rows)
    for system in systems:
        points = [(rows[n][system], y) for y, n in enumerate(names) if system in rows[n]]
        if points:
            above = 3 if system.startswith("tapead") else 2
            ax.plot(*zip(*points, strict=True), STYLES[system], label=system, zorder=above)
    targets = [(rows[n]["target"], y) for y, n in enumerate(names) if "target" in rows[n]]
    if targets:
        ax.plot(*zip(*targets, strict=True), "k|", markersize=11, label="target")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.axvline(1, color="0.6", linewidth=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="0.9")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
