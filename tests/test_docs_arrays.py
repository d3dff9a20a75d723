"""The guide to arrays lists what the table of primitives has, and nothing else."""

import re
from pathlib import Path

from tapead.primitives import FUNCTIONS

PAGE = Path(__file__).parents[1] / "docs" / "arrays.md"


def listed():
    """Names in the table of what is covered, but for the elementals, which have a page."""
    text = PAGE.read_text(encoding="utf-8")
    section = re.search(r"^## What is covered$(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    rows = re.findall(r"^\| (?!topic|each element)[^|]*\|([^|]*)\|$", section, re.MULTILINE)
    return [name for row in rows for name in re.findall("`([^`]+)`", row)]


def test_guide_lists_every_function_once():
    names = {row.name.removeprefix("numpy.") for row in FUNCTIONS.values()}
    assert sorted(listed()) == sorted(names)
