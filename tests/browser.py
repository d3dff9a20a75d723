"""Chromium without a window, driven over the pipe of its DevTools protocol."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys

NAMES = "google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome"
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
TIMEOUT = 60.0  # seconds without a word
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "End": 35, "Home": 36, "Tab": 9, " ": 32}
# The protocol is on the descriptors 3 and 4 of the browser; the pipes were opened above them.
START = "import os, sys; a, b, *c = sys.argv[1:]; os.dup2(int(a), 3); os.dup2(int(b), 4); os.execv(c[0], c)"  # noqa: E501


class Browser:
    """A browser with one page.

    Parameters
    ----------
    folder : path
        For its profile.
    """

    def __init__(self, folder):
        read, self._out = _pipe()
        self._back, write = _pipe()
        options = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        options += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"]
        options += ["--no-sandbox"]  # it takes rights that a container lacks; the pages are ours
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(read), str(write), FOUND, *options, "about:blank"],
            pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read)
        os.close(write)
        self._rest, self._number, self._session, self.requests = b"", 0, None, []
        target = next(t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()
        os.close(self._back)
        os.close(self._out)

    def __call__(self, method, **params):
        """Result of a method of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url):
        """Load a page and wait until it is there."""
        self("Page.navigate", url="about:blank")
        self.requests.clear()
        self("Page.navigate", url=url)
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def value(self, expression):
        """Value of an expression of JavaScript."""
        answer = self("Runtime.evaluate", expression=expression, returnByValue=True,
                      awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key):
        """Press a key and let it go."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": " "} if key == " " and kind == "keyDown" else {}
            code = "Space" if key == " " else key
            self("Input.dispatchKeyEvent", type=kind, key=key, code=code,
                 windowsVirtualKeyCode=KEYS[key], **text)  # fmt: skip

    def _read(self):
        """The next message."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], TIMEOUT)
            data = os.read(self._back, 1 << 20) if ready else b""
            assert data, "the browser stopped" if ready else f"no answer in {TIMEOUT:.0f} s"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(message)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message


def _pipe():
    """A pipe whose descriptors are none of the first ten."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved
