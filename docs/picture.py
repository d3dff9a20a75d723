"""Write the picture of the home page, ``docs/trace.png``: the page of a trace, at one of its steps.

``python docs/picture.py`` needs Chromium.
"""

import base64
import sys
import tempfile
from pathlib import Path

import tapead

DOCS = Path(__file__).parent
STEP = 16  # the second increment of x2's adjoint


def f(x1, x2):
    """The worked example of the lecture."""
    logarithm, product, sine = tapead.log(x1), x1 * x2, tapead.sin(x2)
    return logarithm + product - sine


def main():
    """Trace, open, photograph."""
    sys.path.append(str(DOCS.parent / "tests"))
    from browser import Browser

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "trace.html"
        tapead.trace(f, 2.0, 5.0).to_html(path, interactive=True)
        with Browser(Path(folder) / "profile") as browser:
            browser("Emulation.setDeviceMetricsOverride", width=1100, height=980,
                    deviceScaleFactor=1, mobile=False)  # fmt: skip
            browser.open(f"{path.as_uri()}#step={STEP}")
            picture = browser("Page.captureScreenshot", format="png")["data"]
    (DOCS / "trace.png").write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    main()
