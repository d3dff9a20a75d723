"""Examples in the README, the documentation and the docstrings do what they say; links lead on."""

import doctest
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import tapead

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = ["tapead", *(m.name for m in pkgutil.walk_packages(tapead.__path__, "tapead."))]
BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")


def page_id(page):
    return page.relative_to(ROOT).as_posix()


def session(text):
    """The lines of a page's ``pycon`` blocks, at the line numbers they have in the page."""
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        code = block[1].splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines)


def docstrings():
    """Docstrings with examples by qualified name, of modules, functions, classes and members."""
    found, seen = {}, set()
    for module in map(importlib.import_module, MODULES):
        for name, thing in [("", module), *members(module)]:
            if id(thing) not in seen and ">>>" in (thing.__doc__ or ""):
                seen.add(id(thing))
                found[f"{module.__name__}.{name}".rstrip(".")] = thing.__doc__
    return found


def members(module):
    """What a module defines itself, and what its classes do."""
    for name, thing in vars(module).items():
        if getattr(thing, "__module__", None) == module.__name__ and hasattr(thing, "__name__"):
            yield name, thing
            if isinstance(thing, type):
                own = vars(thing).items()
                yield from ((f"{name}.{key}", x) for key, x in own if hasattr(x, "__doc__"))


DOCSTRINGS = docstrings()


def run(text, name):
    failures = []
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, name, name, 0)
    doctest.DocTestRunner(optionflags=doctest.FAIL_FAST).run(test, out=failures.append)
    assert not failures, "".join(failures)
    return len(test.examples)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_examples_of_page(page):
    text = page.read_text(encoding="utf-8")
    assert run(session(text), page_id(page)) == len(re.findall("^>>> ", text, re.MULTILINE))


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_examples_of_docstring(name):
    assert run(inspect.cleandoc(DOCSTRINGS[name]), name)


def test_docstrings_of_extension_modules_are_found():
    wanted = {"transforms.grad", "_tape.Tape.variable", "_program.record", "_program.compile"}
    wanted |= {"_program.Program", "_program.Program.map", "_program.Replayed.grad"}
    assert {f"tapead.{name}" for name in wanted} <= DOCSTRINGS.keys()


def anchors(page):
    """Anchors that a Markdown page's headings make."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_of_page_lead_somewhere(page):
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def documented_names():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    return set(re.findall(r"`([A-Za-z_]\w*)[`(]", text))


def test_every_public_name_stands_in_the_reference():
    rows = set(tapead.math.__all__) | {"__version__"}
    assert set(tapead.__all__) - rows <= documented_names()


def load_elementals_page():
    path = ROOT / "docs" / "elementals.py"
    spec = importlib.util.spec_from_file_location("docs_elementals", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_of_elementals_shows_every_public_row():
    page = load_elementals_page().page()
    for row in tapead.elementals.ROWS:
        for name in row.names:
            assert f"`{name}`" in page


def test_page_of_elementals_is_printed_by_its_script(monkeypatch, tmp_path):
    module, path = load_elementals_page(), tmp_path / "elementals.md"
    monkeypatch.setattr(sys, "argv", ["elementals.py", str(path)])
    module.main()
    assert path.read_text(encoding="utf-8") == module.page()
