"""Every page in a real browser, on the demo's data: no exception, nothing from another host, light, dark and on a phone.

`ROUTERKIT_SCREENSHOTS=docs/screenshots python -m pytest tests/app/test_browser.py` keeps the pictures.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.app.driving import PAGES

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; apt-get install chromium"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
VIEWS = {"": (1280, 900, "light"), "-dark": (1280, 900, "dark"), "-phone": (390, 844, "light")}
"""Width, height and colours by the ending of a picture's name."""
PICTURES = os.environ.get("ROUTERKIT_SCREENSHOTS")
START_S = 60.0
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def app():
    """Address of `routerkit app --demo`, stopped as a service manager would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("routerkit")), "app", "--demo", "--port", str(port)]
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
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": min(2_400, max(size["height"], height))})
    page.wait_for_timeout(1_000)
    page.screenshot(path=Path(PICTURES) / f"{name}.png")
    page.set_viewport_size(size)


@pytest.mark.parametrize("ending", VIEWS if PICTURES else ["", "-phone"])
def test_pages_show_no_exception_and_load_nothing_foreign(app, browser, ending):
    width, height, scheme = VIEWS[ending]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    for name in PAGES:
        page.goto(f"{app}/{'' if name == 'overview' else name}")
        settle(page)
        assert page.locator("[data-testid=stException]").count() == 0, name
        assert page.get_by_text("Generated data").count() > 0, name
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name} is {overflow} pixels too wide"
        keep_picture(page, f"{name}{ending}")
    context.close()
    own = (app, app.replace("http", "ws"), "data:", "blob:")
    assert asked
    assert not [url for url in asked if not url.startswith(own)]


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
