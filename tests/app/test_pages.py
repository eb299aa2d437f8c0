"""Every page on empty, generated and hostile data, run by Streamlit's own test driver."""

from __future__ import annotations

from pathlib import Path

import pytest

import routerkit_app
from routerkit import Request
from routerkit.ledger import Ledger
from routerkit.testing import ScriptedProvider, make_reply, make_router

streamlit_testing = pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's and altair's own

MAIN = Path(routerkit_app.__file__).with_name("main.py")
PAGES = ["overview", "decisions", "agents", "health", "models", "kinds", "compare", "runs"]
HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>\x00\u202e"


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_demo: bool = False):
    monkeypatch.setenv("ROUTERKIT_APP_FOLDER", str(folder))
    monkeypatch.delenv("ROUTERKIT_APP_DEMO", raising=False)
    if is_demo:
        monkeypatch.setenv("ROUTERKIT_APP_DEMO", "1")
    return streamlit_testing.AppTest.from_file(str(MAIN), default_timeout=60)


def show(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_demo: bool = False):
    at = prepared(folder, monkeypatch, is_demo=is_demo).run()
    shown = at if page == "overview" else at.switch_page(f"screens/{page}.py").run()
    assert not shown.exception, shown.exception
    return shown


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    from routerkit_app.demo import generate

    folder = tmp_path_factory.mktemp("demo")
    generate(folder, n_calls=60, n_tasks=12)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_empty_page_says_which_command_fills_it(page, tmp_path, monkeypatch):
    shown = show(page, tmp_path, monkeypatch)
    assert shown.info[0].value.startswith("No ")
    assert "routerkit" in shown.code[0].value


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_generated_data_and_says_so(page, generated, monkeypatch):
    shown = show(page, generated, monkeypatch, is_demo=True)
    assert "Generated data" in shown.warning[0].value
    assert not shown.info


def test_overview_counts_what_the_ledger_holds(generated, monkeypatch):
    shown = show("overview", generated, monkeypatch)
    assert ("calls", "60") == (shown.metric[0].label, shown.metric[0].value)


def test_filter_in_the_address_narrows(generated, monkeypatch):
    at = prepared(generated, monkeypatch)
    at.query_params["agent"] = "ci"
    shown = at.run()
    assert int(shown.metric[0].value) < 60
    assert ["ci"] == shown.sidebar.multiselect(key="agent").value


def test_shared_view_of_unknown_value_shows_nothing_rather_than_everything(generated, monkeypatch):
    at = prepared(generated, monkeypatch)
    at.query_params["agent"] = "gone"
    assert "60 are stored" in at.run().info[0].value


def test_decision_explains_a_call(generated, monkeypatch):
    shown = show("decisions", generated, monkeypatch)
    assert "pool=coding" in shown.code[0].value


def test_hostile_names_are_shown_as_text(tmp_path, monkeypatch):
    with Ledger(tmp_path, store_text=True) as ledger:
        router = make_router({"one": ScriptedProvider([make_reply(HOSTILE)])}, observers=[ledger])
        router.complete(Request("pool", ({"role": "user", "content": HOSTILE},), agent=HOSTILE, session=HOSTILE))
    for page in PAGES[:4]:
        show(page, tmp_path, monkeypatch)


def test_exported_cells_start_no_formula():
    import pandas as pd

    from routerkit_app.export import as_csv

    assert b"'=1+1" in as_csv(pd.DataFrame({"a": ["=1+1", "plain"], "n": [1, -2]}))


def test_app_is_served_on_loopback_without_telemetry():
    from routerkit_app.launch import command

    flags = command(8501)
    assert "--server.address=127.0.0.1" in flags
    assert "--browser.gatherUsageStats=false" in flags
    assert "--client.showErrorDetails=none" in flags


def test_streamlit_finds_no_pages_beside_the_entry_point():
    """It would serve a folder `pages` by itself, past the password and the filters of `main.py`."""
    assert not MAIN.with_name("pages").exists()
