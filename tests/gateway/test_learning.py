"""A gateway's router follows what is published and reported, as any loaded router does."""

from __future__ import annotations

import threading
import time

from routerkit import Cell, Scorecard
from routerkit.gateway.server import build

CONFIG = """
[providers.sim]
kind = "simulated"
[targets.mini]
provider = "sim"
model = "m"
[pools.coding]
targets = ["mini"]
[scorecard]
path = "scorecard.json"
reload_s = 0.05
[ledger]
path = "led"
[online]
"""


def test_gateway_takes_over_a_published_scorecard_and_looks_at_reports(tmp_path):
    """Both watches run for as long as the router is open; a new scorecard is in force soon after it was written."""
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    _, router = build(tmp_path / "routerkit.toml")
    try:
        assert {"routerkit-scorecard", "routerkit-reports"} <= {t.name for t in threading.enumerate()}
        card = Scorecard((Cell("mini", "plan", n=10, passed=9.0),))
        (tmp_path / "new.json").write_text(card.to_json())
        (tmp_path / "new.json").rename(tmp_path / "scorecard.json")
        until = time.monotonic() + 10.0
        while router.state.scorecard.revision != card.revision and time.monotonic() < until:
            time.sleep(0.02)
        assert card.revision == router.state.scorecard.revision
    finally:
        router.close()
