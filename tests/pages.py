"""The documentation's pages and their sessions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

RUN_HERE, RUN_WITH_OTHERS = "pycon", "python-console"  # the second needs another library


def page_id(page):
    """Path of a page below the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(text, language):
    """Fenced blocks of a language, with the line numbers of their first lines."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for block in fence.finditer(text):
        yield text.count("\n", 0, block.start(1)), block[1]


def session(text, language=RUN_HERE):
    """The lines of a page's sessions, at the line numbers they have in the page."""
    lines = [""] * (text.count("\n") + 1)
    for first, block in blocks(text, language):
        code = block.splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines)
