"""The app looks while calls are routed and an evaluation runs, each in a process of its own, over one folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import routerkit_app
from routerkit.store import EVAL_SCHEMAS, LEDGER_SCHEMAS, query

streamlit = pytest.importorskip("streamlit", reason="the app extra is not installed")
streamlit_testing = pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # Streamlit's and altair's own warnings

MAIN = Path(routerkit_app.__file__).with_name("main.py")
SECONDS, PER_SECOND = 3, 500
CALLS = """
import sys, time
from pathlib import Path
from routerkit import Pool, Price, Request, Router, RouterState, Target
from routerkit.ledger import Ledger
from routerkit.providers.simulated import Simulated

folder, seconds, per_second = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
state = RouterState({"coding": Pool("coding", (Target("sim", "sim", "sim", price=Price(1.0, 4.0)),), "best")}, {"sim": Simulated()})
with Ledger(folder) as ledger:
    router, began = Router(state, observers=[ledger]), time.monotonic()
    for n in range(seconds * per_second):
        router.complete(Request("coding", ({"role": "user", "content": "hello"},), agent=f"a{n % 5}"))
        time.sleep(max(0.0, began + n / per_second - time.monotonic()))
print(ledger.dropped)
"""
SAMPLES = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.store import SampleLog

with SampleLog(Path(sys.argv[1])) as log:
    for n in range(int(sys.argv[2]) * 20):
        log.append(Sample(sample_id=digest(str(n)), run_id="r", started_at=datetime.now(UTC), task_id=f"t{n}", task_version="1",
            source="s", kind="explain", cluster="c", target="sim", model="sim", epoch=0, prompt_sha256=digest("p", length=64),
            harness=HARNESS, verdict="pass", latency_s=1.0, answer=f"answer {n}"))
        time.sleep(0.05)
"""


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)


def test_nobody_notices_the_others(tmp_path, monkeypatch):
    """No page fails, no call and no sample is lost or stored twice, and nothing is dropped; the app itself loads what was written."""
    monkeypatch.setenv("ROUTERKIT_APP_FOLDER", str(tmp_path))
    monkeypatch.delenv("ROUTERKIT_APP_CONFIG", raising=False)
    app = streamlit_testing.AppTest.from_file(str(MAIN), default_timeout=60)
    writers = [started(CALLS, str(tmp_path), str(SECONDS), str(PER_SECOND)), started(SAMPLES, str(tmp_path), str(SECONDS))]
    n_shown = 0
    while any(writer.poll() is None for writer in writers):
        for page in ("decisions", "agents", "health", "runs"):
            streamlit.cache_data.clear()  # ask the store every time
            shown = app.run().switch_page(f"screens/{page}.py").run()
            assert not shown.exception, (page, shown.exception)
            assert not shown.error, (page, shown.error)
            n_shown += 1
    assert ["0\n", ""] == [writer.communicate()[0] for writer in writers]
    assert n_shown >= 4
    counted = query(
        tmp_path,
        "SELECT (SELECT count(*) FROM calls), (SELECT count(DISTINCT record_id) FROM calls), (SELECT count(*) FROM samples)",
        schemas=(*LEDGER_SCHEMAS, *EVAL_SCHEMAS),
    )
    assert (SECONDS * PER_SECOND, SECONDS * PER_SECOND, SECONDS * 20) == counted.rows[0]
