"""The site: built without a warning, every link leads somewhere, nothing comes from elsewhere."""

import importlib.util
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from pages import DOCS, ROOT

import tapead

for needed in ("sphinx", "numpydoc", "myst_parser", "furo", "matplotlib", "sklearn"):
    pytest.importorskip(needed, reason="the site needs the docs extra")

ASSETS = {"img": "src", "script": "src", "source": "src", "iframe": "src", "video": "src"}
STYLES = {"stylesheet", "preload", "preconnect", "dns-prefetch", "icon", "shortcut icon"}


class Page(HTMLParser):
    """Links, anchors and assets of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.assets = [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs.get("id"), attrs.get("name")}
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if tag == "link" and attrs.get("rel") in STYLES:
            self.assets.append(attrs["href"])
        if tag in ASSETS and attrs.get(ASSETS[tag]):
            self.assets.append(attrs[ASSETS[tag]])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Folder of the site, built from a copy: tests may run at the same time."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto"]
    done = subprocess.run(
        [*command, "-b", "html", folder / "docs", folder / "html"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def site(root):
    """Pages of the site by path."""
    return {path: Page(path) for path in root.rglob("*.html")}


def test_every_page_of_the_docs_is_in_the_site(root, site):
    sources = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")}
    built = {path.relative_to(root).with_suffix("").as_posix() for path in site}
    assert sources - {"figures/home"} <= built
    assert {f"gallery/{p.stem}" for p in DOCS.glob("examples/*.py")} - built == {
        "gallery/side_by_side"
    }


def test_links_of_the_site_lead_somewhere(site):
    broken = []
    for path, page in site.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            found = target in site or (target.exists() and not address.fragment)
            if not found or (address.fragment and address.fragment not in site[target].anchors):
                broken.append((path.name, link))
    assert broken == []


def test_nothing_is_fetched_from_elsewhere(root, site):
    outside = {x for page in site.values() for x in page.assets if urlsplit(x).netloc}
    assert outside == set()
    for style in root.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert "url(http" not in text, style.name
        assert "@import" not in text, style.name


def load(name):
    """An extension of the site."""
    path = DOCS / "_extensions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def test_page_of_elementals_has_every_name_with_a_picture():
    page = load("elementals_page").page()
    for row in tapead.elementals.ROWS:
        for name in row.names:
            assert f" {name}({', '.join(row.args)})\n" in page
    assert page.count("<svg") == sum(row.public for row in tapead.elementals.ROWS)


def test_every_public_name_has_a_page():
    assert load("api_pages").missing_names() == set()
