"""Docstrings of the public names follow numpydoc, as pyproject.toml configures it."""

import enum
import tomllib
from operator import attrgetter
from pathlib import Path

import pytest

import tapead

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc comes with the lint extra")

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
LEFT_OUT = set(tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["numpydoc_validation"]["checks"])


class Compiled(validate.Validator):
    """Looks at the docstring alone: numpydoc takes the source of an extension for Python."""

    source_file_name = None
    source_file_def_line = None

    def __init__(self, obj_name):
        super().__init__(validate.get_doc_object(attrgetter(obj_name)(tapead)))

    @property
    def signature_parameters(self):
        """None of an enumeration's: those of its call are every enumeration's."""
        return () if isinstance(self.obj, enum.EnumType) else super().signature_parameters


def public_names():
    """The public functions and classes, and what has sections of the classes' members."""
    modules = ("distributed", "nn", "optim", "optimize")
    networks = [f"{m}.{name}" for m in modules for name in getattr(tapead, m).__all__]
    for name in [*tapead.__all__, "testing.check_grads", "_program.Compiled", *networks]:
        thing = attrgetter(name)(tapead)
        if callable(thing):
            yield name
        if isinstance(thing, type):
            own = [base for base in thing.__mro__ if base.__module__.startswith("tapead")]
            members = {key: x for base in reversed(own) for key, x in vars(base).items()}
            yield from (
                f"{name}.{key}"
                for key, x in members.items()
                if "----" in (x.__doc__ or "")
                and not key.startswith("_")
                and not (getattr(x, "__module__", None) or "").startswith("sklearn")
            )


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_docstring_follows_numpydoc(name):
    errors = validate.validate(name, validator_cls=Compiled)["errors"]
    assert [error for error in errors if error[0] not in LEFT_OUT] == []
