"""Every page in a real browser, on the demo's data: no exception, nothing from another host, light, dark and on a phone.

`ROUTERKIT_SCREENSHOTS=FOLDER python -m pytest tests/app/test_browser.py` keeps the pictures; `ROUTERKIT_SCREENSHOTS_OF` names a
configuration whose data are shown instead.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.driving import PAGES

Image = pytest.importorskip("PIL.Image", reason="the app extra is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; apt-get install chromium"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
VIEWS = {"": (1280, 900, "light"), "-dark": (1280, 900, "dark"), "-phone": (390, 844, "light"), "-phone-dark": (390, 844, "dark")}
"""Width, height and colours by the ending of a picture's name."""
PICTURES, SHOWN = os.environ.get("ROUTERKIT_SCREENSHOTS"), os.environ.get("ROUTERKIT_SCREENSHOTS_OF")
START_S = 60.0
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def app():
    """Address of `routerkit app --demo`, stopped as a service manager would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        str(Path(sys.executable).with_name("routerkit")),
        "app",
        *(["--config", SHOWN] if SHOWN else ["--demo"]),
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(f"{address}/_stcore/health")
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def wait_for(url: str) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def settle(page) -> None:
    """Until the script has run and what it drew stands still."""
    page.wait_for_selector("h1", timeout=PATIENCE_MS)
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'running'", timeout=PATIENCE_MS)
    page.wait_for_timeout(1_000)


def keep_picture(page, name: str) -> None:
    """The whole page; Streamlit scrolls inside the window, so the window grows."""
    if not PICTURES:
        return
    size = page.viewport_size
    for _ in range(2):  # charts below the window are drawn, and take their place, once it has grown
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": min(2_400, max(size["height"], height))})
        page.wait_for_timeout(1_000)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE).save(
        Path(PICTURES) / f"{name}.png", optimize=True
    )  # half the size
    page.set_viewport_size(size)


@contextmanager
def visit(app, browser, width: int = 1280, height: int = 900, scheme: str = "light"):
    """A window that must ask nobody but the app for anything."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    yield page
    context.close()
    own = (app, app.replace("http", "ws"), "data:", "blob:")
    assert asked
    assert not [url for url in asked if not url.startswith(own)]


def open_page(page, app: str, name: str) -> None:
    page.goto(f"{app}/{'' if name == 'overview' else name}")
    settle(page)
    assert page.locator("[data-testid=stException]").count() == 0, name
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels too wide"


@pytest.mark.parametrize("ending", VIEWS if PICTURES else ["-phone"])  # at full width pages are seen while their controls are tried
def test_pages_show_no_exception_and_load_nothing_foreign(app, browser, ending):
    with visit(app, browser, *VIEWS[ending]) as page:
        for name in PAGES:
            open_page(page, app, name)
            assert SHOWN or page.get_by_text("Generated data").count() > 0, name
            keep_picture(page, f"{name}{ending}")


def choose(label: str, value: str):
    """Pick from a list by typing; the address then says so."""

    def act(page) -> None:
        named = page.locator("[data-testid=stWidgetLabel]", has_text=re.compile(f"^{label}$"))
        box = page.locator("[data-testid=stSelectbox], [data-testid=stMultiSelect]").filter(has=named)
        box.locator("input").fill(value)
        page.get_by_role("option").first.wait_for(timeout=PATIENCE_MS)
        page.keyboard.press("Enter")
        page.wait_for_function(f"new URLSearchParams(location.search).has({ADDRESS.get(label, label.lower())!r})", timeout=PATIENCE_MS)

    return act


ADDRESS = {"Show": "only"}
"""What a choice is called in the address, where it is not its label."""


def search(page) -> None:
    page.get_by_role("textbox", name="Search").fill("nightly")
    page.keyboard.press("Enter")
    page.wait_for_url("**search=nightly**", timeout=PATIENCE_MS)


def pick_row(page) -> None:
    """Tables are painted, so by place: the box before the second row."""
    page.locator("[data-testid=stDataFrame]").first.click(position={"x": 17, "y": 87})
    page.wait_for_url("**record=**", timeout=PATIENCE_MS)


def slide(page) -> None:
    page.get_by_role("slider").first.press("ArrowRight")
    page.wait_for_url("**quality_floor=**", timeout=PATIENCE_MS)


def unfold(page) -> None:
    page.get_by_text("Difference line by line").click()
    page.get_by_text("@@").first.wait_for(timeout=PATIENCE_MS)


def take_away(page) -> None:
    """Both files are what they say, and not empty."""
    for kind, begins in (("CSV", b""), ("Parquet", b"PAR1")):
        with page.expect_download(timeout=PATIENCE_MS) as expected:
            page.get_by_role("button", name=kind).first.click()
        content = Path(expected.value.path()).read_bytes()
        assert len(content) > 20
        assert content.startswith(begins)


CONTROLS = {
    "overview": (take_away, choose("Time", "7 days"), choose("Agent", "ci")),
    "decisions": (pick_row, search, choose("Show", "more than one attempt")),
    "whatif": (slide, choose("Policy", "best")),
    "drift": (choose("Cell", "large"), choose("Target", "medium")),
    "agents": (take_away, choose("Kind", "explain")),
    "health": (take_away, choose("Pool", "coding")),
    "models": (take_away, choose("Kind", "explain")),
    "kinds": (take_away, choose("Target", "small")),
    "compare": (choose("B", "large"), choose("Task", "4"), unfold),
    "runs": (take_away, choose("Time", "all")),
}


@pytest.mark.parametrize("name", PAGES)
def test_controls_work(app, browser, name):
    """Each leaves a page without an exception, and what was chosen in the address."""
    with visit(app, browser, height=1_200) as page:  # lists at the lower edge of a window have no room to open
        open_page(page, app, name)
        for act in CONTROLS[name]:
            act(page)
            settle(page)
            assert page.locator("[data-testid=stException], [data-testid=stAlertContentError]").count() == 0, name


def test_filter_stands_in_the_address_and_narrows(app, browser):
    """Whoever opens the address sees the same."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(app)
    settle(page)
    total = page.locator("[data-testid=stMetricValue]").first.inner_text()
    page.locator("[data-testid=stSidebar] [data-testid=stMultiSelect]").nth(2).locator("input").fill("ci")
    page.keyboard.press("Enter")
    page.wait_for_url("**agent=ci**", timeout=PATIENCE_MS)
    settle(page)
    narrowed = page.locator("[data-testid=stMetricValue]").first.inner_text()
    assert narrowed != total
    shared = context.new_page()
    shared.goto(f"{app}/?agent=ci")
    settle(shared)
    assert narrowed == shared.locator("[data-testid=stMetricValue]").first.inner_text()
    context.close()
