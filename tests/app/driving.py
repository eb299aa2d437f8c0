"""Running the app without a browser: Streamlit's own test driver on the real entry point."""

from __future__ import annotations

from pathlib import Path

import pytest

import routerkit_app
from routerkit_app.navigation import ENTRIES

MAIN = Path(routerkit_app.__file__).with_name("main.py")
PAGES = [entry.name for entries in ENTRIES.values() for entry in entries]


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_demo: bool = False):
    """The app on this folder, not run yet."""
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("ROUTERKIT_APP_FOLDER", str(folder))
    monkeypatch.delenv("ROUTERKIT_APP_DEMO", raising=False)
    monkeypatch.delenv("ROUTERKIT_APP_PASSWORD", raising=False)
    if is_demo:
        monkeypatch.setenv("ROUTERKIT_APP_DEMO", "1")
    return AppTest.from_file(str(MAIN), default_timeout=60)


def show(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_demo: bool = False, **address: str):
    """One page, drawn."""
    at = prepare(folder, monkeypatch, is_demo=is_demo)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    shown = at if page == "overview" else at.switch_page(f"screens/{page}.py").run()
    assert not shown.exception, shown.exception
    assert not shown.error, shown.error
    return shown


def titles(shown) -> list[str]:
    """What stands over the charts of a page, in order: what is shown, a colon, what to see."""
    found = [m.value.replace("\\", "").strip("*") for m in shown.markdown if m.value.startswith("**") and ": " in m.value]
    return [title for title in found if "Params(" not in title and "\n" not in title]
