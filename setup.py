"""What pyproject.toml cannot say: templates to expand, compiler directives, flags."""

import hashlib
import importlib.util
import multiprocessing
import os
import sys
from pathlib import Path

import Cython
import numpy
from Cython.Build import cythonize
from Cython.Tempita import Template
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("tapead")
COVERAGE = os.environ.get("TAPEAD_COVERAGE") == "1"
CHECKS = os.environ.get("TAPEAD_CHECKS") == "1"  # bounds, None and uninitialised memory
CFLAGS = os.environ.get("TAPEAD_CFLAGS", "").split()
LDFLAGS = os.environ.get("TAPEAD_LDFLAGS", "").split()
FLAGS = repr((CFLAGS, LDFLAGS))
FLAGS_STAMP = Path("build/cython/flags")
# Never -ffast-math: NaN and -0.0 count. No contraction: the same bits on every processor.
OPTIMISE = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
INCLUDED = {".in", ".pxd", ".pxi", ".h"}
NUMPY_MACROS = [
    ("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
    ("NPY_TARGET_VERSION", "NPY_1_23_API_VERSION"),  # arrays have a memory handler
]
DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": False,
    "autotestdict": False,
    "c_api_binop_methods": True,
    "cdivision": True,
    "boundscheck": CHECKS,
    "wraparound": False,
    "initializedcheck": CHECKS,
    "nonecheck": CHECKS,
    "freethreading_compatible": False,
    "linetrace": COVERAGE,
}
COVERAGE_MACROS = [
    ("CYTHON_TRACE", "1"),
    ("CYTHON_TRACE_NOGIL", "1"),
    ("CYTHON_USE_SYS_MONITORING", "0"),
]

SOURCES = [
    "tapead/**/*.py*", "tapead/**/*.px*", "tapead/**/*.in", "tapead/*.h",
    "tapead/_trace/_page.*",
    "tests/**/*.py", "tests/*.txt", "tests/*.ini",
    "docs/**/*.md", "docs/**/*.py", "docs/*.png", "docs/_static/*", "docs/figures/*",
    "benchmarks/*.py", "benchmarks/*.json", "benchmarks/assets/*.json",
]  # fmt: skip


class BuildExtensions(build_ext):
    """Names the files that a source distribution needs; compiles on all processors."""

    def initialize_options(self):
        super().initialize_options()
        self.parallel = os.cpu_count()
        if text_at(FLAGS_STAMP) not in ("", FLAGS):
            self.force = True  # objects of other flags are not out of date by their times

    def run(self):
        super().run()
        FLAGS_STAMP.write_text(FLAGS, encoding="utf-8")

    def get_source_files(self):
        """What setuptools asks each command for; cythonize shows it only the C files."""
        found = {path for pattern in SOURCES for path in Path().glob(pattern)}
        kept = (path for path in found if path.suffix not in (".pyc", ".pyd"))
        return [*super().get_source_files(), *map(str, sorted(kept))]


def load(name):
    """A module of the package that imports nothing of it."""
    spec = importlib.util.spec_from_file_location(f"_build_{name}", PACKAGE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def text(name):
    """The text of a file of the package; empty if there is none."""
    return text_at(PACKAGE / name)


def text_at(path):
    """The text of a file; empty if there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def refresh_headers():
    """Headers beside the generated C, which it finds first; cythonize copies those it names."""
    for header in PACKAGE.glob("*.h"):
        copy = Path("build/cython") / header
        if copy.exists() and copy.read_bytes() != header.read_bytes():
            copy.write_bytes(header.read_bytes())


def expand_templates():
    """Write every ``*.in`` beside its template, if it would change."""
    names = load("_templates").names(load, text)
    for template in sorted(PACKAGE.glob("*.in")):
        target = template.with_suffix("")
        expanded = Template(template.read_text(encoding="utf-8"), namespace=names).substitute()
        if text(target.name) != expanded:
            target.write_text(expanded, encoding="utf-8")


def extension(source):
    """One extension module; what its C file comes from, Cython finds out."""
    unix = sys.platform != "win32"
    return Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        depends=[str(path) for path in PACKAGE.glob("*.h")],
        include_dirs=[numpy.get_include()],
        libraries=["m"] if unix else [],
        define_macros=[*NUMPY_MACROS, *(COVERAGE_MACROS if COVERAGE else [])],
        extra_compile_args=[*(OPTIMISE if unix else []), *CFLAGS],
        extra_link_args=LDFLAGS,
    )


def can_fork():
    """Whether Cython's pool of processes works here: it takes forks and semaphores."""
    try:
        multiprocessing.Lock()
    except (ImportError, OSError):
        return False
    return multiprocessing.get_start_method() == "fork"


def translated():
    """The extensions, from C files that are written anew where something changed.

    Cython compares times, and those of NumPy's declarations are new in every build environment;
    so two digests tell what holds: one of the versions and options, one of the sources as well.
    """
    extensions = [extension(source) for source in sorted(PACKAGE.glob("**/*.pyx"))]
    options = repr((Cython.__version__, numpy.__version__, DIRECTIVES, COVERAGE))
    digest = hashlib.sha256(options.encode())
    said = [digest.hexdigest()]
    for path in sorted(PACKAGE.glob("**/*")):
        if path.suffix in INCLUDED | {".pyx"}:
            digest.update(str(path).encode() + path.read_bytes())
    said.append(digest.hexdigest())
    stamp = Path("build/cython/stamp")
    before = text_at(stamp).split()
    files = [Path("build/cython", *ext.name.split(".")).with_suffix(".c") for ext in extensions]
    if said == before and not COVERAGE and all(file.exists() for file in files):
        for ext, file in zip(extensions, files, strict=True):
            ext.sources = [str(file)]
        return extensions
    extensions = cythonize(
        extensions,
        build_dir=None if COVERAGE else "build/cython",
        nthreads=os.cpu_count() if can_fork() else 0,
        force=bool(before) and said[0] != before[0],
        compiler_directives=DIRECTIVES,
    )
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text("\n".join(said), encoding="utf-8")
    return extensions


expand_templates()
refresh_headers()
setup(cmdclass={"build_ext": BuildExtensions}, ext_modules=translated())
