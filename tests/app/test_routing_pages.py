"""Decisions, What if, Drift, Agents and Health on no data, generated data, hostile data and a broken configuration."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import routerkit_app
from routerkit import ProviderError, Request
from routerkit.ledger import Ledger
from routerkit.store import query
from routerkit.testing import ScriptedProvider, make_reply, make_router
from routerkit_app.demo_traffic import generate_calls
from tests.app.driving import titles

streamlit = pytest.importorskip("streamlit", reason="the app extra is not installed")
streamlit_testing = pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's and altair's own

MAIN = Path(routerkit_app.__file__).with_name("main.py")
PAGES = ["decisions", "whatif", "drift", "agents", "health"]
HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>![x](http://evil.example/x.png)\x00\u202e" + "x" * 3_000


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    """Folder with two generated weeks, and the configuration that routed them."""
    folder = tmp_path_factory.mktemp("traffic")
    return generate_calls(folder, 700, random.Random(7)).parent


@pytest.fixture
def show(monkeypatch):
    """Runs a page of the app over a folder; `**address` is what stands behind the question mark."""

    def run(page: str, folder: Path, *, config: Path | None = None, **address: str):
        monkeypatch.setenv("ROUTERKIT_APP_FOLDER", str(folder))
        monkeypatch.setenv("ROUTERKIT_APP_CONFIG", str(config or folder / "routerkit.toml"))
        monkeypatch.delenv("ROUTERKIT_APP_DEMO", raising=False)
        at = streamlit_testing.AppTest.from_file(str(MAIN), default_timeout=60)
        for name, value in address.items():
            at.query_params[name] = value
        shown = at.run().switch_page(f"screens/{page}.py").run()
        assert not shown.exception, shown.exception
        return shown

    return run


def texts(shown) -> str:
    """All that the page says in words."""
    return "\n".join(str(e.value) for kind in (shown.markdown, shown.caption, shown.code, shown.info, shown.warning) for e in kind)


def metric(shown, label: str) -> str:
    return next(m.value for m in shown.metric if m.label == label)


@pytest.mark.parametrize("page", PAGES)
def test_empty_page_says_which_command_fills_it(show, tmp_path, page):
    shown = show(page, tmp_path)
    assert shown.info[0].value.startswith("No ")
    assert "routerkit" in shown.code[0].value


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_traffic(show, traffic, page):
    shown = show(page, traffic)
    assert not shown.info
    assert not shown.error
    assert len(shown.get("vega_lite_chart")) <= len(titles(shown)), titles(shown)


@pytest.mark.parametrize("page", PAGES)
def test_hostile_text_is_never_markdown(show, tmp_path, page):
    failing = ProviderError(HOSTILE, code="overloaded", status=503)
    with Ledger(tmp_path, store_text=True) as ledger:
        router = make_router({"one": ScriptedProvider([make_reply(HOSTILE), failing, failing, failing])}, observers=[ledger])
        reply = router.complete(Request("pool", ({"role": "user", "content": HOSTILE},), agent=HOSTILE, session=HOSTILE))
        router.report(reply.record_id, success=False, evidence=HOSTILE)
        with pytest.raises(ProviderError):
            router.complete(Request("pool", ({"role": "user", "content": HOSTILE},), agent=HOSTILE, session=HOSTILE))
    shown = show(page, tmp_path)
    for element in (*shown.markdown, *shown.caption, *shown.subheader, *shown.info, *shown.warning, *shown.error):
        assert "![x](" not in element.value
        assert "<script>" not in element.value


@pytest.mark.parametrize("page", PAGES)
def test_broken_configuration_is_one_warning_and_the_page_goes_on(show, traffic, tmp_path, page):
    (tmp_path / "routerkit.toml").write_text("[pools.coding]\ntargets = 3\n")
    shown = show(page, tmp_path)
    assert not shown.exception


def test_decision_explains_a_call_and_says_what_it_cost(show, traffic):
    shown = show("decisions", traffic)
    assert shown.code[0].value.startswith("pool=coding kind=")
    assert metric(shown, "cost").startswith("$")
    assert int(metric(shown, "attempts")) >= 1


def test_record_in_the_address_leads_to_that_call(show, traffic):
    """Also when the filters leave it out of the list."""
    oldest = show("decisions", traffic).dataframe[0].value["record_id"].iloc[-1]
    shown = show("decisions", traffic, record=oldest[:14], agent="nobody")
    assert [f"Call {oldest}"] == [s.value for s in shown.subheader]


def test_unknown_record_is_said(show, traffic):
    assert "No stored call begins" in show("decisions", traffic, record="ffff").warning[0].value


def test_search_and_choice_narrow_the_list(show, traffic):
    session = show("decisions", traffic).dataframe[0].value["session"].iloc[0]
    assert {session} == set(show("decisions", traffic, search=session.upper()).dataframe[0].value["session"])
    tried_again = show("decisions", traffic, only="more than one attempt").dataframe[0].value
    assert tried_again["n_attempts"].min() > 1


def test_raising_the_floor_moves_calls_and_costs_more(show, traffic):
    before, after = show("whatif", traffic), show("whatif", traffic, quality_floor="0.7")
    assert metric(before, "calls that move").startswith("0 of ")
    assert not metric(after, "calls that move").startswith("0 of ")
    assert "quality_floor = 0.7" in after.code[-1].value


def test_what_was_never_logged_is_refused_and_predicted(show, traffic, tmp_path):
    """Traffic that never explored says nothing about another policy's picks."""
    text = (traffic / "routerkit.toml").read_text().replace("explore_share = 0.3", "")
    with Ledger(tmp_path) as ledger:
        router = make_router({"small": ScriptedProvider([make_reply("x")] * 80)}, observers=[ledger])
        for _ in range(80):
            router.complete(Request("pool", ({"role": "user", "content": "hello"},)))
    (tmp_path / "routerkit.toml").write_text(
        text.replace("pools.coding", "pools.pool").replace("scorecard.json", str(traffic / "scorecard.json"))
    )
    shown = show("whatif", tmp_path, policy="best")
    assert any("could never have been logged" in w.value for w in shown.warning)
    assert metric(shown, "cost per call").startswith("$")


def test_what_if_says_what_it_does_not_look_at(show, traffic, tmp_path):
    """Learning from reports and experiments move traffic, and this page decides without them."""
    more = '[online]\n\n[pools.coding.experiment]\nname = "half"\nvariants = { now = "careful", other = "best" }\n'
    path = tmp_path / "routerkit.toml"
    path.write_text((traffic / "routerkit.toml").read_text().replace('path = "."', f'path = "{traffic}"') + more)
    shutil.copy(traffic / "scorecard.json", tmp_path)
    assert "Not looked at here" not in texts(show("whatif", traffic))
    (said,) = [c.value for c in show("whatif", traffic, config=path).caption if "Not looked at here" in c.value]
    assert "[online]" in said
    assert "experiment of this pool" in said


def test_drift_names_the_cell_that_got_worse(show, traffic):
    shown = show("drift", traffic)
    assert int(metric(shown, "alarms")) >= 1
    worst = shown.dataframe[0].value.iloc[0]
    assert ("ALARM", "medium", "success") == (worst["state"], worst["target"], worst["measure"])


def test_drift_alarms_as_rarely_as_the_configuration_asks(show, traffic, tmp_path):
    path = tmp_path / "rare.toml"
    more = "\n[online]\noutcomes_per_false_alarm = 1_000_000_000\n"
    path.write_text((traffic / "routerkit.toml").read_text().replace('path = "."', f'path = "{traffic}"') + more)
    shutil.copy(traffic / "scorecard.json", tmp_path)
    evidence = [show("drift", traffic, config=config).dataframe[0].value["evidence"].max() for config in (None, path)]
    assert evidence[1] < evidence[0]


def test_agents_are_summed_and_their_budgets_shown(show, traffic):
    shown = show("agents", traffic)
    agents = shown.dataframe[0].value
    assert {"ci", "nightly", "editor"} == set(agents["agent"])
    assert 700 == agents["calls"].sum()
    assert 4 == len(shown.get("vega_lite_chart"))  # spend, budgets, spend by day, success


def test_health_counts_every_attempt(show, traffic):
    """Also the failed ones of calls that another target answered."""
    tried = show("health", traffic).dataframe[0].value
    assert tried["attempts"].sum() > 700
    assert "overloaded" in set(tried["outcome"])


def test_newest_calls_are_chosen_before_their_json_is_read(traffic, monkeypatch):
    """Sorting rows that carry their decisions took gigabytes of a large store."""
    from routerkit_app.filters import Where
    from routerkit_app.screens.health import newest

    monkeypatch.setenv("ROUTERKIT_APP_FOLDER", str(traffic))
    where = newest(Where("agent = ?", ("ci",)), 5)
    found = query(traffic, f"SELECT count(*), min(called_at) FROM calls WHERE {where.sql}", where.params).rows[0]
    every = query(traffic, "SELECT called_at FROM calls WHERE agent = 'ci' ORDER BY called_at DESC LIMIT 5").rows
    assert (5, every[-1][0]) == found
    nobody = Where("agent = ?", ("nobody",))
    assert nobody == newest(nobody, 5)


def test_page_opens_the_store_once(show, traffic, monkeypatch):
    """Opening takes longer than most answers, and all figures of a page belong to one moment."""
    from routerkit.store import readers

    opened: list[Path] = []
    really = readers.open_reading
    monkeypatch.setattr(readers, "open_reading", lambda folder, **more: opened.append(folder) or really(folder, **more))
    streamlit.cache_data.clear()
    show("health", traffic)
    assert 2 == len(opened)  # the overview, which every new visit begins with, and the page
