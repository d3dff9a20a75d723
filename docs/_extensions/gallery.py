"""A page for each script of docs/examples: its picture, what it prints, a trace, its source.

Each runs in a process of its own, `run_example.py`, and again only when it or tapead has changed.
"""

import ast
import os
import re
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from generated import DOCS, directive, title, write

import tapead

EXAMPLES, GALLERY = DOCS / "examples", DOCS / "gallery"
RUNNER = Path(__file__).with_name("run_example.py")
SHARED = "side_by_side"


def setup(app):
    """Make the pages before Sphinx looks for them; lead links to scripts to their pages."""
    app.connect("config-inited", lambda app, config: make())
    app.connect("source-read", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def names():
    """The examples, in alphabetical order."""
    return sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != SHARED)


def make():
    """Run what has changed, and write all pages."""
    GALLERY.mkdir(exist_ok=True)
    changed = newest(Path(tapead.__file__).parent.rglob("*.*"))
    changed = max(changed, newest([RUNNER, EXAMPLES / f"{SHARED}.py"]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: run(name, changed), names()))
    for name in names():
        write(GALLERY / f"{name}.rst", page(name))


def newest(paths):
    return max(path.stat().st_mtime for path in paths if path.suffix != ".pyc")


def run(name, changed):
    """Run an example, unless what it left is younger than all that it was made from."""
    printed = GALLERY / f"{name}.txt"
    changed = max(changed, (EXAMPLES / f"{name}.py").stat().st_mtime)
    if printed.exists() and printed.stat().st_mtime > changed:
        return
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    command = [sys.executable, RUNNER, name, GALLERY]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"docs/examples/{name}.py failed:\n{done.stderr}")
    printed.write_text(done.stdout, encoding="utf-8")


def page(name):
    """The page of an example in reStructuredText."""
    source = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    head, _, rest = ast.get_docstring(ast.parse(source)).partition("\n\n")
    heading = escaped(" ".join(head.split())).rstrip(".")
    parts = [title(heading), prose(rest)]
    for suffix, alt in (("png", "what the script plots"), ("svg", "the graph of the trace")):
        if (GALLERY / f"{name}.{suffix}").exists():
            parts.append(directive("image", f"{name}.{suffix}", alt=alt, class_="plot"))
    printed = directive("literalinclude", f"{name}.txt", language="text")
    parts += [title("What it prints", "-"), printed]
    parts += [title("A trace", "-"), directive("raw", "html", file=f"{name}.trace.html")]
    source = f"../examples/{name}.py"
    parts += [title("The script", "-"), directive("literalinclude", source, language="python")]
    parts.append(f":download:`{name}.py <{source}>`\n")
    return "".join(parts)


def prose(text):
    """Paragraphs as they are, what is indented as it stands."""
    found = []
    for block in re.split(r"\n\n+", text):
        if block.startswith("    "):
            found.append(directive("code-block", "text", textwrap.dedent(block)))
        elif block:
            found.append(f"{escaped(block)}\n\n")
    return "".join(found)


def escaped(text):
    """Text without a meaning in reStructuredText, but for what is in backquotes."""
    return re.sub(r"(`+[^`]+`+)|([*_|\\])", lambda m: m[1] or "\\" + m[2], text)


def link(app, docname, source):
    """In the list of examples: links to their pages, all pictures, and the tree of pages."""
    if docname != "examples/README":
        return
    text = re.sub(r"\((\w+)\.py\)", r"(../gallery/\1.rst)", source[0])
    pictures = "".join(
        f"[![{name}](../gallery/{name}.png)](../gallery/{name}.rst)\n"
        for name in names()
        if (GALLERY / f"{name}.png").exists()
    )
    shown = {name: name.replace("_", " ").capitalize() for name in names()}
    tree = "".join(f"{short} </gallery/{name}>\n" for name, short in shown.items())
    source[0] = (
        f"{text}\n## Pictures\n\n:::{{container}} pictures\n{pictures}:::\n\n"
        f"```{{toctree}}\n:hidden:\n\n{tree}```\n"
    )
