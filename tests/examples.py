"""The scripts of docs/examples, loaded as running one in its folder would."""

import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "examples"


def load(name):
    """The module of an example; its neighbours are importable while it is loaded."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module
