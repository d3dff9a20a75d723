"""The benchmarks: what asv is told of each, the report's pages, and the published dashboard."""

import base64
import hashlib
import importlib
import inspect
import json
import os
import pkgutil
import sys
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[1]
KINDS = "time_", "track_", "peakmem_"
NO_SUBJECTS = {"report", "pages", "publish", "training"}


@pytest.fixture(scope="module", autouse=True)
def importable():
    """The benchmarks ask for one thread in the environment when they are imported."""
    with mock.patch.dict(os.environ), mock.patch.object(sys, "path", [*sys.path, str(ROOT)]):
        yield


def module(name):
    return importlib.import_module(f"benchmarks.{name}")


def subjects():
    """Return every class with benchmarks, by module and name."""
    names = (info.name for info in pkgutil.iter_modules([str(ROOT / "benchmarks")]))
    modules = [module(name) for name in names if name not in NO_SUBJECTS]
    classes = (c for m in modules for c in vars(m).values() if inspect.isclass(c))
    found = {c for c in classes if c.__module__.startswith("benchmarks.") and actions(c)}
    return sorted(found, key=lambda c: (c.__module__, c.__qualname__))


def actions(cls):
    return [name for name in dir(cls) if name.startswith(KINDS)]


def test_every_tracked_figure_has_a_unit():
    tracked = [getattr(c, a) for c in subjects() for a in actions(c) if a.startswith("track_")]
    assert tracked
    assert [f.__qualname__ for f in tracked if not getattr(f, "unit", None)] == []


def test_every_peak_of_memory_has_its_reference():
    peaks = [c for c in subjects() if any(a.startswith("peakmem_") for a in actions(c))]
    assert peaks
    assert all(hasattr(c, "peakmem_reference") for c in peaks)


def test_every_subject_has_a_version_of_its_own():
    versions = {c: vars(c).get("version") for c in subjects()}
    assert None not in versions.values()
    assert len(set(versions.values())) == len(versions)


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ('def f(x):\n    """Another."""\n    return x + 1  # why\n', True),
        ("def f(x):\n    return x + 2\n", False),
    ],
    ids=["docstring", "code"],
)
def test_version_tells_code_alone(text, is_same):
    code = module("measure")._code
    known = "def f(x):\n    return x + 1\n"
    assert (list(code(text)) == list(code(known))) is is_same


def test_versions_follow_workloads():
    digest, workloads = module("measure").digest, module("workloads").WORKLOADS
    some = {name: workloads[name] for name in ("rosenbrock-10", "lotka-volterra")}
    longer = some | {"rosenbrock-10": workloads["rosenbrock-1000"]}
    assert len({digest(workloads), digest(some), digest(longer)}) == 3


def test_a_system_that_is_not_installed_is_no_figure(monkeypatch):
    report = module("report")
    monkeypatch.setattr(report, "is_missing", {"xad": True}.get)
    assert report.row({"tapead": 1.5, "torch": 310.2}, ["tapead", "xad", "torch", "jax"]) == [
        "**1.5**",
        "missing (n/a)",
        "310",
        "n/a",
    ]


TABLE = """\
| workload | plain us | tapead | xad | target |
| --- | --: | --: | --: | --: |
| rosenbrock-10 | 1.5 | **1.7** | 43 | 2.6 |
| lotka-volterra | 538 | **1.6** | missing (n/a) | 2.5 |"""


def test_page_is_read_as_written():
    pages = module("pages")
    tables = {"record": TABLE, "arrays": TABLE.replace("43", "n/a")}
    assert pages.read(pages.page(tables, "CPython")) == tables


def test_pages_name_what_was_measured():
    labelled = module("pages").labelled
    assert labelled(TABLE).split("\n")[2].startswith("| Rosenbrock, n = 10 | 1.5 | **1.7** |")
    assert labelled(labelled(TABLE)) == labelled(TABLE)


def test_every_workload_has_a_label():
    names = {*module("workloads").WORKLOADS, *module("array_workloads").ARRAY_WORKLOADS}
    assert names | {*module("second_order_systems").PROBLEMS} == set(module("pages").LABELS)


def test_cells_are_figures_alone():
    cells = module("pages").cells(TABLE)
    assert cells["rosenbrock-10"] == {"plain us": 1.5, "tapead": 1.7, "xad": 43, "target": 2.6}
    assert "xad" not in cells["lotka-volterra"]


def test_chart_names_systems_and_workloads(tmp_path):
    pytest.importorskip("matplotlib")
    chart = tmp_path / "speed.svg"
    module("pages").draw({"record": TABLE}, chart)
    text = chart.read_text("utf-8")
    assert all(name in text for name in ("rosenbrock-10", "lotka-volterra", "xad", "target"))


def test_readme_has_the_figures_of_the_page():
    pages = module("pages")
    tables = pages.read(pages.PAGE.read_text("utf-8"))
    assert set(pages.IN_README) <= set(tables) <= set(pages.TITLES)
    readme = pages.README.read_text("utf-8")
    assert pages.with_figures(readme, tables) == readme
    assert pages.home(tables) == pages.HOME.read_text("utf-8")


def test_readme_without_the_comments_is_refused():
    with pytest.raises(ValueError, match="expected <!-- figures"):
        module("pages").with_figures("text", {})


def integrity(content):
    return "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def packages(tmp_path):
    """Stand-ins for the npm packages: a file each, and a licence."""
    for package, file in module("publish").ASSETS.values():
        path = tmp_path / "node_modules" / package / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.encode())
        (tmp_path / "node_modules" / package / "LICENSE").write_text("MIT", "utf-8")
    fonts = tmp_path.joinpath("node_modules", *module("publish").FONTS)
    fonts.mkdir()
    (fonts / "font.woff").write_bytes(b"")
    return tmp_path / "node_modules"


def site(folder, tag):
    html = folder / "html"
    html.mkdir()
    (html / "index.html").write_text(f"<head>{tag}<script src='asv.js'></script></head>", "utf-8")
    return html


def test_page_loads_the_file_beside_it(tmp_path, packages):
    digest = integrity(b"dist/css/bootstrap.min.css")
    tag = (
        f'<link rel="s" href="https://cdn/bootstrap.min.css" integrity="{digest}" crossorigin="a">'
    )
    html = site(tmp_path, tag)
    module("publish").make_self_contained(html, packages)
    wanted = '<head><link rel="s" href="assets/bootstrap/dist/css/bootstrap.min.css"><script'
    assert (html / "index.html").read_text("utf-8").startswith(wanted)
    kept = {str(path.relative_to(html)) for path in html.rglob("*") if path.is_file()}
    assert {"assets/bootstrap/LICENSE", "assets/bootstrap/dist/fonts/font.woff"} < kept


def test_file_with_other_bytes_is_refused(tmp_path, packages):
    tag = f'<script src="https://cdn/md5.min.js" integrity="{integrity(b"other")}"></script>'
    with pytest.raises(ValueError, match=r"expected md5\.min\.js with sha256"):
        module("publish").make_self_contained(site(tmp_path, tag), packages)


def test_file_of_no_package_is_refused(tmp_path, packages):
    html = site(tmp_path, '<script src="//cdn/unknown.js"></script>')
    with pytest.raises(KeyError, match=r"unknown\.js"):
        module("publish").make_self_contained(html, packages)


def test_style_that_loads_from_elsewhere_is_seen(tmp_path, packages):
    html = site(tmp_path, "")
    (html / "asv.css").write_text("p {background: url(https://cdn/x.png)}", "utf-8")
    with pytest.raises(RuntimeError, match="they load"):
        module("publish").make_self_contained(html, packages)


def test_lock_file_has_the_packages():
    publish = module("publish")
    lock = json.loads((publish.LOCKED / "package-lock.json").read_text("utf-8"))
    locked = {name.removeprefix("node_modules/") for name in lock["packages"] if name}
    assert locked == {package for package, _ in publish.ASSETS.values()}
    assert all(entry["integrity"] for name, entry in lock["packages"].items() if name)


def test_packages_have_what_asv_loads():
    asv = pytest.importorskip("asv")
    publish = module("publish")
    page = (Path(asv.__file__).parent / "www" / "index.html").read_text("utf-8")
    loaded = {url.rpartition("/")[2] for url in publish.LOADED.findall(page)}
    assert loaded == set(publish.ASSETS)


def test_dashboard_lies_where_asv_puts_it():
    assert module("publish").html_directory() == ROOT / ".asv" / "html"
