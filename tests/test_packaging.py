"""What is installed: names, metadata, and what an import brings along."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tapead

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTION = importlib.metadata.distribution("tapead")


def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def python(code, folder):
    """What a new interpreter prints, as JSON."""
    done = run([sys.executable, "-c", code], folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_version_is_the_distribution_s():
    assert tapead.__version__ == DISTRIBUTION.version


def test_metadata_is_the_project_s():
    metadata = DISTRIBUTION.metadata
    assert metadata["Summary"] == PROJECT["description"]
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    assert set(metadata.get_all("Provides-Extra")) == PROJECT["optional-dependencies"].keys()


def test_command_is_an_entry_point():
    (entry,) = DISTRIBUTION.entry_points.select(group="console_scripts")
    assert entry.name == "tapead"
    assert callable(entry.load())


def test_wheel_holds_declarations_and_stubs_but_no_sources():
    files = {path.as_posix() for path in DISTRIBUTION.files if path.parts[0] == "tapead"}
    if not files:
        pytest.skip("an editable install lists no files")
    suffixes = {"." + name.rpartition(".")[2] for name in files}
    assert {".pxd", ".h", ".pyi"} < suffixes
    assert not suffixes & {".pyx", ".pxi", ".c", ".in"}
    assert {"tapead/py.typed", "tapead/_special.h"} <= files  # Program.to_c reads the header
    assert {f"tapead/_trace/_page.{suffix}" for suffix in ("html", "css", "js")} <= files


def test_nothing_is_compiled_for_one_processor_alone():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("setup.py", "pyproject.toml")]
    assert not re.search(r"-m(arch|tune|cpu|avx|fma)|-xHost|/arch:", "".join(texts))


def test_import_brings_no_other_library_than_numpy(tmp_path):
    loaded = python(
        "import json, sys, numpy; before = set(sys.modules); import tapead; "
        "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before})))",
        tmp_path,
    )
    others = set(loaded) - sys.stdlib_module_names
    assert {name for name in others if "cython" not in name} == {"tapead"}


def test_import_leaves_rare_modules_for_later(tmp_path):
    loaded = python("import json, sys, tapead; print(json.dumps(sorted(sys.modules)))", tmp_path)
    rare = {"tapead._cli", "tapead._scipy_special", "tapead._templates", "tapead._trace._svg"}
    rare |= {"tapead._trace._page", "tapead._trace._steps"}
    rare |= {"tapead._program", "tapead._code", "tapead._executor", "tapead._signature"}
    assert not rare & set(loaded)
    assert not [name for name in loaded if name.startswith(("tapead.nn", "tapead.optim"))]


def test_programs_import_files_and_texts_when_they_are_used(tmp_path):
    loaded = python(
        "import json, sys, tapead; tapead.record(tapead.sin, 1.0).grad(2.0); "
        "print(json.dumps(sorted(sys.modules)))",
        tmp_path,
    )
    rare = {"_listing", "_program_file", "_c_source", "_c99", "_expressions"}
    assert not {f"tapead.{name}" for name in rare} & set(loaded)


def test_special_functions_import_scipy_when_they_are_called(tmp_path):
    loaded = python(
        "import json, sys, tapead; before = 'scipy' in sys.modules; tapead.digamma(1.5); "
        "print(json.dumps([before, 'scipy' in sys.modules]))",
        tmp_path,
    )
    assert loaded == [False, True]


@pytest.mark.parametrize("arguments", [["-m", "tapead"], ["-c", "import tapead; tapead.sin(1.0)"]])
def test_package_starts_in_the_checkout(arguments):
    done = run([sys.executable, *arguments], ROOT)
    assert (done.returncode, done.stderr) == (0, "")


def test_checkout_alone_says_how_to_install(tmp_path):
    (tmp_path / "tapead").mkdir()
    for name in ("__init__", "_installed"):
        source = (ROOT / "tapead" / f"{name}.py").read_text(encoding="utf-8")
        (tmp_path / "tapead" / f"{name}.py").write_text(source, encoding="utf-8")
    done = run([sys.executable, "-S", "-E", "-c", "import tapead"], tmp_path)
    assert done.stderr.splitlines()[-1].startswith("ImportError: ")
    assert "pip install ." in done.stderr
