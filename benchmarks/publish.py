"""Publish the dashboard: asv's pages, with all that they load beside them.

``python benchmarks/publish.py`` runs ``asv publish`` and then replaces what the pages take from
other hosts. The files come from npm packages, by the lock file in ``assets``; they are installed
into ``.asv/assets`` once, and their licences are kept with them.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

BENCHMARKS = Path(__file__).resolve().parent
LOCKED = BENCHMARKS / "assets"
INSTALLED = BENCHMARKS.parent / ".asv" / "assets"

# What asv names: the package and its file. The npm package of flot has no minified files.
ASSETS = {
    "jquery-3.3.1.min.js": ("jquery", "dist/jquery.min.js"),
    "jquery.flot.min.js": ("jquery-flot", "jquery.flot.js"),
    "jquery.flot.time.min.js": ("jquery-flot", "jquery.flot.time.js"),
    "jquery.flot.selection.min.js": ("jquery-flot", "jquery.flot.selection.js"),
    "jquery.flot.categories.min.js": ("jquery-flot", "jquery.flot.categories.js"),
    "jquery.flot.orderBars.js": ("flot-orderbars", "js/jquery.flot.orderBars.js"),
    "stupidtable.min.js": ("stupid-table-plugin", "stupidtable.min.js"),
    "md5.min.js": ("blueimp-md5", "js/md5.min.js"),
    "bootstrap.min.js": ("bootstrap", "dist/js/bootstrap.min.js"),
    "bootstrap.min.css": ("bootstrap", "dist/css/bootstrap.min.css"),
}
SAME_BYTES = {"jquery", "flot-orderbars", "blueimp-md5", "bootstrap"}  # as asv's hashes demand
FONTS = ("bootstrap", "dist/fonts")  # what bootstrap.min.css loads in turn
LICENCES = "LICEN[CS]E*", "package.json"

LOADED = re.compile(r'<(?:script|link|img)\b[^>]*?\b(?:src|href)="((?:https?:)?//[^"]+)"[^>]*>')
INTEGRITY = re.compile(r'\bintegrity="([^"]+)"')


def main():
    subprocess.run(["asv", "publish", *sys.argv[1:]], cwd=BENCHMARKS, check=True)
    html = html_directory()
    make_self_contained(html, install())
    print(f"{html}: nothing is loaded from elsewhere")


def html_directory(config=BENCHMARKS / "asv.conf.json"):
    lines = config.read_text("utf-8").splitlines()
    settings = json.loads("\n".join(line for line in lines if not line.lstrip().startswith("//")))
    return (config.parent / settings["html_dir"]).resolve()


def install(locked=LOCKED, installed=INSTALLED):
    """Return the folder of the packages that the lock file names; the network is used once."""
    lock, done = locked / "package-lock.json", installed / "node_modules" / "installed.json"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        if shutil.which("npm") is None:
            raise SystemExit("npm installs what the pages load: get it from nodejs.org or Debian")
        installed.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(locked / name, installed)
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(["npm", "ci", *options], cwd=installed, check=True)
        shutil.copy(lock, done)
    return done.parent


def make_self_contained(html, packages):
    """Copy what the pages load into ``html/assets`` and change the pages to load it from there."""
    for page in html.glob("*.html"):
        text = page.read_text("utf-8")
        page.write_text(LOADED.sub(lambda tag: local_tag(tag, html, packages), text), "utf-8")
    left = loaded_from_elsewhere(html)
    if left:
        raise RuntimeError(f"expected pages that load their own files alone; they load {left}")


def local_tag(tag, html, packages):
    """Return the tag with the file of a package, whose hash the copy does not need."""
    name = urlsplit(tag[1]).path.rpartition("/")[2]
    if name not in ASSETS:
        raise KeyError(f"{name} is loaded by this asv, and no package is known that has it")
    package, file = ASSETS[name]
    source = packages / package / file
    integrity = INTEGRITY.search(tag[0])
    if integrity and package in SAME_BYTES:
        check_integrity(source, integrity[1])
    copied = html / "assets" / package
    copy(source, copied / file)
    if package == FONTS[0]:
        shutil.copytree(packages.joinpath(*FONTS), copied / FONTS[1], dirs_exist_ok=True)
    for pattern in LICENCES:
        for licence in (packages / package).glob(pattern):
            copy(licence, copied / licence.name)
    found = re.sub(r'\s(integrity|crossorigin|referrerpolicy)="[^"]*"', "", tag[0])
    return found.replace(tag[1], f"assets/{package}/{file}")


def check_integrity(path, wanted):
    algorithm, _, _ = wanted.partition("-")
    digest = hashlib.new(algorithm, path.read_bytes()).digest()
    found = f"{algorithm}-{base64.b64encode(digest).decode()}"
    if found != wanted:
        raise ValueError(f"expected {path.name} with {wanted}; got {found}")


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def loaded_from_elsewhere(html):
    """Return what pages and style sheets load from other hosts."""
    found = [url for page in html.glob("*.html") for url in LOADED.findall(page.read_text("utf-8"))]
    for sheet in html.rglob("*.css"):
        found += re.findall(r"url\([\"']?((?:https?:)?//[^)]+)\)", sheet.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
