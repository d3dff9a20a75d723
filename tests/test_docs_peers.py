"""Sessions of the documentation that need another library: run where it is installed."""

import importlib.util
import os
import subprocess
import sys

import pytest
from pages import DOCS, RUN_WITH_OTHERS, blocks, session

HOWTO = DOCS / "howto"
MODULES = {"pytorch": "torch", "micrograd": "micrograd", "autograd": "autograd", "jax": "jax"}


def run(page, folder):
    """Run a page's sessions in a process of their own, where warnings of others stay."""
    path = folder / f"{page.stem}.txt"
    path.write_text(session(page.read_text(encoding="utf-8"), RUN_WITH_OTHERS), encoding="utf-8")
    command = [sys.executable, "-m", "doctest", path.name]
    finish(command, folder)


def finish(command, folder):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    options = {"env": env, "capture_output": True, "encoding": "utf-8"}
    done = subprocess.run(command, cwd=folder, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_page_of_spellings_is_run():
    assert {f"from-{name}" for name in MODULES} == {p.stem for p in HOWTO.glob("from-*.md")}


@pytest.mark.parametrize("name", MODULES)
def test_spelling_of_the_other_library(name, tmp_path):
    if importlib.util.find_spec(MODULES[name]) is None:
        pytest.skip(f"{MODULES[name]} is not installed")
    run(HOWTO / f"from-{name}.md", tmp_path)


def test_module_of_the_cython_page(tmp_path):
    page = HOWTO / "cython.md"
    for language, name in (("cython", "horner.pyx"), ("python", "setup.py")):
        ((_, code),) = blocks(page.read_text(encoding="utf-8"), language)
        (tmp_path / name).write_text(code, encoding="utf-8")
    finish([sys.executable, "setup.py", "build_ext", "--inplace"], tmp_path)
    run(page, tmp_path)
