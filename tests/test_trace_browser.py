"""The page to step through, driven in Chromium."""

import pytest
from test_trace_page import HOSTILE, TRACES

import tapead

try:
    import browser
except ImportError:  # fcntl: not on Windows
    browser = None

pytestmark = pytest.mark.skipif(browser is None or not browser.FOUND, reason="needs Chromium")
STATE = """({
  node: [...document.querySelectorAll(".node.now")].map(e => Number(e.dataset.node)),
  edges: [...new Set([...document.querySelectorAll(".edge.now")].map(e => e.dataset.edge))],
  rows: [...document.querySelectorAll("tr.now")].map(e => e.innerText.split(/\\s+/).join(" ")),
  lines: [...document.querySelectorAll("#lines p")].map(e => e.innerText.trim()),
  words: document.getElementById("words").textContent,
  slider: document.getElementById("slider").valueAsNumber,
  step: location.hash,
})"""
SHOWN = """[...document.querySelectorAll(".node text, .told")]
  .filter(e => getComputedStyle(e).visibility === "visible").map(e => e.textContent)"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Address of the page of a trace, by its name."""
    folder = tmp_path_factory.mktemp("pages")

    def address(name):
        path = folder / f"{name.replace(' ', '_')}.html"
        if not path.exists():
            TRACES[name]().to_html(path, interactive=True)
        return path.as_uri()

    return address


def state(chromium):
    return chromium.value(STATE)


def resize(chromium, width, height=800):
    chromium("Emulation.setDeviceMetricsOverride", width=width, height=height,
             deviceScaleFactor=1, mobile=width < 500)  # fmt: skip


def media(chromium, **features):
    features = [{"name": name.replace("_", "-"), "value": x} for name, x in features.items()]
    chromium("Emulation.setEmulatedMedia", features=features)


def test_forward_step_is_highlighted(chromium, pages):
    chromium.open(pages("numbers") + "#step=4")
    assert state(chromium) == {
        "node": [4],
        "edges": ["1-4", "2-4"],
        "rows": ["v₂ = v₋₁ × v₀ = 10"],
        "lines": ["v₂ = v₋₁ × v₀ = 2 × 5 = 10"],
        "words": "v₂ is v₋₁ × v₀: 10.",
        "slider": 4,
        "step": "#step=4",
    }


def test_increment_is_highlighted(chromium, pages):
    chromium.open(pages("numbers") + "#step=16")
    assert state(chromium) == {
        "node": [2],
        "edges": ["2-4"],
        "rows": ["v̄₀ = v̄₀ + v̄₂ × v₋₁ = 1.71634"],
        "lines": ["v̄₀ = v̄₀ + v̄₂ × v₋₁ = −0.283662 + 1 × 2 = 1.71634"],
        "words": "v₂ gives 2 to the adjoint of x2, so far 1.71634.",
        "slider": 16,
        "step": "#step=16",
    }


def test_page_shows_what_is_known_so_far(chromium, pages):
    chromium.open(pages("numbers") + "#step=3")
    shown = chromium.value(SHOWN)
    assert "= 0.693147" in shown
    assert not {"= 10", "= 11.6521", "v̄₅ = 1"} & set(shown)
    chromium.open(pages("numbers") + "#step=14")
    assert "v̄₀ = −0.283662" in chromium.value(SHOWN)
    chromium.open(pages("numbers") + "#step=16")
    shown = chromium.value(SHOWN)
    assert "v̄₀ = 1.71634" in shown
    assert "v̄₀ = −0.283662" not in shown


@pytest.mark.parametrize("name", TRACES)
def test_every_step_is_told_and_all_is_shown_at_the_end(chromium, pages, name):
    chromium.open(pages(name))
    everything, last = chromium.value(SHOWN), chromium.value("Number(slider.max)")
    for step in range(1, min(last, 60) + 1):
        chromium.press("ArrowRight")
        found = state(chromium)
        assert (found["slider"], found["step"]) == (step, f"#step={step}")
        assert found["words"]
        assert found["rows"]
    chromium.press("End")
    assert chromium.value(SHOWN) == everything


def test_keys_step_through_the_sweeps(chromium, pages):
    chromium.open(pages("numbers"))
    steps = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "ArrowLeft", "Home"):
        chromium.press(key)
        steps.append(state(chromium)["slider"])
    assert steps == [1, 2, 1, 19, 19, 18, 0]
    assert state(chromium)["step"] == ""


def test_space_plays_and_pauses(chromium, pages):
    chromium.open(pages("numbers") + "#step=17")
    label = "document.getElementById('play').textContent"
    chromium.press(" ")
    assert (state(chromium)["slider"], chromium.value(label)) == (18, "Pause")
    chromium.press(" ")
    assert chromium.value(label) == "Play"
    chromium.press(" ")
    assert (state(chromium)["slider"], chromium.value(label)) == (19, "Play")
    chromium.press(" ")
    assert (state(chromium)["slider"], chromium.value(label)) == (1, "Pause")
    chromium.value("new Promise(done => setTimeout(done, 1700))")
    assert state(chromium)["slider"] == 2


def test_tab_leads_from_the_slider_to_the_tables(chromium, pages):
    chromium.open(pages("numbers") + "#step=2")
    focused = []
    for _ in range(9):
        chromium.press("Tab")
        focused.append(
            chromium.value("document.activeElement.id || document.activeElement.className")
        )
    buttons = ["first", "back", "play", "next", "last"]
    assert focused == ["slider", *buttons, "graph", "table primal", "table adjoint"]


def test_slider_has_its_own_keys(chromium, pages):
    chromium.open(pages("numbers") + "#step=2")
    chromium.value("slider.focus()")
    chromium.press("ArrowRight")
    assert state(chromium)["slider"] == 3
    assert chromium.value("slider.getAttribute('aria-valuetext')") == "Forward sweep, step 3 of 19"


@pytest.mark.parametrize(
    ("selector", "step"), [(".node[data-node='4']", 4), ("tr[data-step='16']", 16), ("#last", 19)]
)
def test_click_leads_to_the_step(chromium, pages, selector, step):
    chromium.open(pages("numbers"))
    click = "dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    chromium.value(f'document.querySelector("{selector}").{click}')
    assert state(chromium)["slider"] == step


@pytest.mark.parametrize("fragment", ["#step=0", "#step=", "#step=x", "#other", "#step=1e9"])
def test_fragment_that_names_no_step_shows_everything(chromium, pages, fragment):
    chromium.open(pages("numbers") + fragment)
    assert state(chromium)["slider"] == 0


def test_page_asks_for_nothing_and_runs_no_other_script(chromium, tmp_path):
    path = tmp_path / "hostile.html"
    trace = tapead.trace(lambda p: tapead.absolute(p[HOSTILE]) * 2.0, {HOSTILE: 3.0})
    trace.to_html(path, interactive=True)
    chromium.open(path.as_uri() + "#step=1")
    assert chromium.requests == [path.as_uri()]
    assert chromium.value("document.title") == "Trace of f"
    assert HOSTILE[:-1] in state(chromium)["words"]


@pytest.mark.parametrize("name", ["numbers", "tangents of arrays"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_page_fits_the_screen(chromium, pages, name, width):
    resize(chromium, width)
    chromium.open(pages(name) + "#step=20")
    assert chromium.value("document.documentElement.scrollWidth") <= width
    graph, tables = chromium.value(
        "['.graph', '.tables'].map(s => document.querySelector(s).offsetTop)"
    )
    assert graph < tables
    inside = """(() => {
      const row = document.querySelector("tr.now").getBoundingClientRect();
      const player = document.getElementById("player").getBoundingClientRect();
      const hidden = row.top < player.bottom && row.bottom > player.top;
      return row.top >= 0 && row.bottom <= innerHeight && !hidden;
    })()"""
    if width != 320:
        chromium.value("new Promise(done => setTimeout(done, 900))")  # scrolls smoothly
        assert chromium.value(inside)


def test_colours_are_those_the_reader_prefers(chromium, pages):
    background = {}
    for scheme in ("light", "dark"):
        media(chromium, prefers_color_scheme=scheme)
        chromium.open(pages("numbers"))
        background[scheme] = chromium.value("getComputedStyle(document.body).backgroundColor")
    media(chromium)
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 27)"}


def test_screen_reader_finds_slider_status_and_tables(chromium, pages):
    chromium.open(pages("numbers") + "#step=4")
    chromium("Accessibility.enable")
    nodes = chromium("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    }
    assert ("slider", "Step") in named
    assert {("table", "Primal trace ↓"), ("table", "Adjoint trace ↑")} <= named
    assert ("rowheader", "v₂") in named
    assert {role for role, _ in named} >= {"status", "button", "heading", "columnheader"}
    current = chromium.value("document.querySelector('[aria-current=step]').innerText")
    assert current.startswith("v₂")


def test_without_scripts_everything_is_shown(chromium, pages):
    chromium("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(pages("numbers") + "#step=3")
        shown = chromium.value(SHOWN)
        hidden = chromium.value("getComputedStyle(document.getElementById('player')).display")
    finally:
        chromium("Emulation.setScriptExecutionDisabled", value=False)
    assert {"= 11.6521", "v̄₋₁ = 5.5"} <= set(shown)
    assert hidden == "none"
