"""Imports point downwards; every file has a layer; what the build generates is not in git."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tapead"
SOURCES = (".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".in")

# A file imports, cimports or includes files of its own layer and of those below. The fragments
# that a module includes stand with it; a package stands for all its modules.
LAYERS = {
    0: "elementals _guards _expressions _c99 _templates _errors _version _installed _nodes "
    "_special _scipy_special _active _allocate _vecmath _vecmath_more _vecmath_single "
    "_threads _clones _lowered _array_loops _taylor_loops _pool _kernel_cases",
    1: "_elementals _rules _containers "
    "_tape _storage _sweeps _entries _tape_class _reading _noted _scalar _functions "
    "_rows _replay _vectors _singles _layouts _lanes _lanes_single _marks _kernel_loops "
    "_tiles _convolution _pooling",
    2: "_numpy _kernels _kernel_hooks _images "
    "_array _walk _operands _elementwise _elemental_entry _bars _windows _indexing _writes "
    "_recorded_rules _recorded_sweeps _primitive_entries _stacks _array_class _array_inputs "
    "_array_reading primitives _dispatch "
    "_journal _mask "
    "_code _code_class _freeze _passes _schedule _derive _executor _lower _point _batch "
    "_cluster _thread_setting _array_code _array_layouts _array_primitives _array_algebra "
    "_array_pieces _array_again _array_cuts _array_freeze _array_plan _array_storage "
    "_array_listing _array_executor _array_steps _array_runs "
    "_sparsity _index_sets _index_members _pattern_sweeps _colourings _structures _array_sparsity "
    "_code_data _listing _program_file _c_source _taylor _taylor_plan",
    3: "math numpy fft _arrays _updates "
    "_signature _signature_leaves _signature_static _signature_groups _signature_kinds "
    "_signature_plain",
    4: "_joint _function_transforms _own_primitives _vmap _array_methods _batched _batched_calls "
    "_batched_functions _batched_indexing _batched_joins _batched_products _batched_shapes "
    "_batched_transforms implicit _implicit_rules _odeint _ravel _parameters "
    "_series _series_calls _series_primitives _series_transforms _jet _jet_programs "
    "_array_program _forms _array_paths _array_program_class "
    "transforms _run _gradient _jacobian _array_jacobian _products _trace testing "
    "_program _path _recorded _replayed _program_class _matrices _map _inline _compiled "
    "_checkpoints _revolve _replayed_steps _loop _loop_steps _checkpointed_loop "
    "_sparse _array_matrices _array_sparse _sparse_transforms",
    5: "__init__ nn optim optimize _objectives _objective _vector_objective "
    "distributed _replicas _shards _workers",
    6: "__main__ _cli _cli_expression _cli_train",
}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names.split()}

IMPORT = re.compile(r"^[ \t]*c?import[ \t]+tapead\.(\w+)", re.MULTILINE)
FROM = re.compile(r"^[ \t]*from[ \t]+tapead\.(\w+)[\w.]*[ \t]+c?import\b", re.MULTILINE)
FROM_TOP = re.compile(
    r"^[ \t]*from[ \t]+tapead[ \t]+c?import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE
)
INCLUDE = re.compile(r"""^[ \t]*(?:#?include|cdef extern from)[ \t]+["'](_\w+)\.""", re.MULTILINE)


def module(path):
    """Name of the module, or package within tapead, that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].split(".")[0]


def sources():
    found = (path for path in PACKAGE.rglob("*") if path.suffix in SOURCES)
    return sorted(path for path in found if not any(p.startswith(".") for p in path.parts[-2:]))


def source_id(path):
    return path.relative_to(PACKAGE).as_posix()


def dependencies(path):
    """Names of what a file imports, cimports or includes from the package."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return set(python_dependencies(ast.parse(text)))
    names = {*IMPORT.findall(text), *FROM.findall(text), *INCLUDE.findall(text)}
    for listed in FROM_TOP.findall(text):
        names |= {top_level(name) for name in re.findall(r"\w+", listed.split("#")[0])}
    return names


def python_dependencies(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from (parts[1] for parts in names if parts[0] == "tapead" and len(parts) > 1)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            if node.module == "tapead":
                yield from (top_level(alias.name) for alias in node.names)
            elif (node.module or "").startswith("tapead."):
                yield node.module.split(".")[1]


def top_level(name):
    """What ``from tapead import name`` imports: a module, or a name of the package."""
    return name if name in LAYER else "__init__"


@pytest.mark.parametrize("path", sources(), ids=source_id)
def test_imports_point_downwards(path):
    name = module(path)
    assert name in LAYER, f"{name} has no layer; give it one in this test and in the docs"
    above = {other for other in dependencies(path) if LAYER[other] > LAYER[name]}
    assert not above, f"{name} (layer {LAYER[name]}) imports from above: {above}"


@pytest.mark.parametrize("package", ["nn", "optim"])
def test_nets_use_public_names_only(package):
    for path in (PACKAGE / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.startswith("tapead."):
                assert module.split(".")[1] in ("nn", "optim"), f"{path.name}: {module}"


def test_every_layer_names_files_that_exist():
    assert {module(path) for path in sources()} == LAYER.keys()


@pytest.mark.parametrize(
    "line",
    ["from tapead import _cli", "import tapead._cli", "from tapead._cli cimport x",
     "from tapead cimport (\n    Var,\n    _cli,\n)", 'include "_cli.pxi"', '#include "_cli.h"'],
)  # fmt: skip
def test_dependencies_are_seen(tmp_path, line):
    path = tmp_path / "x.pyx"
    path.write_text(f"cdef int f():\n    pass\n{line}\n")
    assert "_cli" in dependencies(path)


def tracked():
    """Files in git; skips where this is no checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {ROOT / name for name in names.split("\0") if name}


def test_generated_files_are_not_in_git():
    files = tracked()
    expanded = {path.with_suffix("") for path in PACKAGE.rglob("*.in")}
    compiled = {path for path in files if path.suffix in (".c", ".so", ".pyd", ".o", ".pyc")}
    assert not (expanded & files) | compiled


def test_top_level_holds_what_was_agreed():
    agreed = {"LICENSE", "README.md", "pyproject.toml", "setup.py"}
    agreed |= {"tapead", "tests", "benchmarks", "docs"}
    found = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in found if not name.startswith(".")} <= agreed


def test_no_file_grows_beyond_400_lines():
    others = (".json", ".png", ".svg")
    text = (path for path in tracked() if path.exists() and path.suffix not in others)
    lengths = {path.name: path.read_text("utf-8").count("\n") for path in text}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
