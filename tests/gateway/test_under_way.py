"""What changes while calls are under way: the configuration and the keys. No settlement is lost, and nobody new gets in."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

from routerkit.config import account_standings, read
from routerkit.gateway.keys import KeyStore, Scope
from routerkit.gateway.server import keys_path, watched
from tests.gateway.test_keys import bearer
from tests.gateway.test_operations import wait_until
from tests.gateway.test_refusals import OK, post
from tests.servers.fault import Fault


def test_q3_reload_and_revocation_during_a_call_lose_no_settlement(make_served):
    """The running call ends on the configuration and the key it began with; its money is booked, the next one is refused within 2 s."""
    served = make_served()
    served.config.write_text(served.config.read_text() + "\n[budgets.planner]\nusd_per_day = 1.0\n")
    store = KeyStore(keys_path(served.config))
    key, text = store.create("ci", Scope(agents=("planner",)))
    served.start()
    body = json.dumps({**OK, "max_tokens": 1_000}).encode()
    served.first.script(Fault(text="a long answer that takes its time", trickle_s=0.005))
    answers = []
    running = threading.Thread(target=lambda: answers.append(post(served, body, bearer(text))))
    with watched(served.router, served.config):
        before = served.router.state
        running.start()
        assert served.first.wait_for_live(1)
        served.config.write_text(served.config.read_text().replace("usd_per_day = 1.0", "usd_per_day = 0.5"))
        assert store.revoke(key.id)
        revoked_at = time.monotonic()
        wait_until(lambda: served.router.state is not before)
        assert 1 == served.first.live, "the call must still be running"
        wait_until(lambda: post(served, body, bearer(text))[0] == 401)
        assert time.monotonic() - revoked_at < 5.0  # the promise is 2 s; a busy machine gets more
        running.join(20)
    served.stop()
    (status, _, headers) = answers[0]
    assert 200 == status
    account = next(a for a in account_standings(read(served.config), served.config.parent, _today()) if a.account == "agent:planner")
    assert (0.5, 0.0) == (account.limit_usd, account.reserved_usd)
    assert float(headers["x-routerkit-cost-usd"]) <= account.spent_usd < 0.001
    assert account.spent_usd > 0


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
