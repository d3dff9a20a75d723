"""Docstrings of the public names follow numpydoc, as pyproject.toml configures it."""

import tomllib
from pathlib import Path

import pytest

import tapead

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc comes with the lint extra")

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LEFT_OUT = set(tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["numpydoc_validation"]["checks"])
CLASSES = [name for name in tapead.__all__ if isinstance(getattr(tapead, name), type)]
NAMES = {f"tapead.{name}" for name in tapead.__all__ if callable(getattr(tapead, name))}
NAMES |= {
    f"tapead.{name}.{member}"
    for name in CLASSES
    for member, thing in vars(getattr(tapead, name)).items()
    if not member.startswith("_") and thing.__doc__
}
NAMES |= {"tapead.testing.check_grads"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_docstring_follows_numpydoc(name):
    errors = validate.validate(name)["errors"]
    assert [error for error in errors if error[0] not in LEFT_OUT] == []
