"""Examples in the README, the documentation and the docstrings do what they say; links lead on."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest
from pages import DOCS, PAGES, RUN_WITH_OTHERS, page_id, session

import tapead

MODULES = ["tapead", *(m.name for m in pkgutil.walk_packages(tapead.__path__, "tapead."))]
LINK = re.compile(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)")


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


def count(text):
    return len(re.findall("^>>> ", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_examples_of_page(page):
    text = page.read_text(encoding="utf-8")
    elsewhere = count(session(text, RUN_WITH_OTHERS))
    assert run(session(text), page_id(page)) == count(text) - elsewhere


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
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    return set(re.findall(r"`([A-Za-z_]\w*)[`(]", text))


def test_every_public_name_stands_in_the_reference():
    rows = set(tapead.math.__all__) | {"__version__"}
    assert set(tapead.__all__) - rows <= documented_names()
