"""The built site in a browser: `python3 -m nox -s docs` builds it and runs this file.

The browser is playwright's own (`python -m playwright install chromium`), or what KFRONT_CHROMIUM or PATH name.
"""

from __future__ import annotations

import code
import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; `nox -s docs` brings it along")

SITE = Path(__file__).parents[2] / "build" / "site" / "html"
PICTURES = os.environ.get("KFRONT_PICTURES")  # a folder for screenshots, to be looked at
PAGES = (
    "index", "tour", "install", "faq", "guides/models", "guides/tuning", "training", "coming_from/pytorch",
    "errors/ShapeError", "reference/index", "reference/kfront.layers", "reference/kfront.layers.MultiHeadAttention",
    "reference/kfront.Model", "results/accuracy", "accuracy", "differences_from_keras", "gallery/index",
    "gallery/equal_curves", "architecture", "results/differences",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built; `nox -s docs`")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    own = os.environ.get("KFRONT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    with api.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=own, args=["--no-sandbox"])
        except api.Error as error:
            pytest.fail(f"no browser: {str(error).splitlines()[0]}; `python -m playwright install chromium`")
        yield started
        started.close()


def opened(browser, width, scheme):
    """A page, and what its console complained of."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_are_readable(browser, address, width, scheme):
    page, said = opened(browser, width, scheme)
    wide, colours = [], set()
    for name in PAGES:
        assert page.goto(f"{address}/{name}.html").ok, name
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(name)
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name.replace('/', '_')}-{width}-{scheme}.png")
    assert wide == [], "these scroll sideways"
    assert said == []
    (colour,) = colours
    brightness = sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 3
    assert brightness > 240 if scheme == "light" else brightness < 40
    page.close()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("LayerNormalization", "kfront.layers.LayerNormalization"),
        ("EarlyStopping", "kfront.callbacks.EarlyStopping"),
        ("mixed precision", "Mixed precision"),
        ("UnsafeFileError", "UnsafeFileError"),
    ],
)
def test_search_finds(browser, address, words, wanted):
    page, said = opened(browser, 1440, "light")
    page.goto(f"{address}/index.html")
    page.locator(".sidebar-search").fill(words)
    page.keyboard.press("Enter")
    page.wait_for_selector("ul.search li a", timeout=60_000)
    page.wait_for_function("document.querySelector('p.search-summary').textContent.includes('found')", timeout=60_000)
    found = page.locator("ul.search li a").all_inner_texts()
    assert any(wanted in text for text in found[:5]), found[:10]
    assert said == []
    page.close()


def test_the_tour_can_be_pasted_into_python(browser, address, capsys):
    page, _ = opened(browser, 1440, "light")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/tour.html")
    console = code.InteractiveConsole()
    for button in page.locator("button.copybtn").all():
        button.click(force=True)
        for line in [*page.evaluate("navigator.clipboard.readText()").splitlines(), ""]:  # and Enter
            console.push(line)
    page.close()
    said = capsys.readouterr()
    assert "Error" not in said.err and console.locals["last"] < console.locals["first"]
