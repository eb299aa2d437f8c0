"""Running suites: what is stored, what is done again, when it stops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from routerkit import Price, ProviderError, Reply, Router, Target
from routerkit.testing import ScriptedProvider, make_reply, make_router
from routerkit_evals import EvalError, Options, Progress, Task, read_samples, run_suite
from tests.evals.making import make_task, make_value_task

RIGHT, WRONG = make_reply("LINE 7"), make_reply("LINE 9")
DOWN = ProviderError("down", code="server")


def tasks(n: int) -> Sequence[Task]:
    """Tasks that need no sandbox."""
    return [make_value_task(f"t{i}") for i in range(n)]


def router_of(**scripts: list[Reply | ProviderError]) -> tuple[Router, dict[str, ScriptedProvider]]:
    providers = {name: ScriptedProvider(script) for name, script in scripts.items()}
    return make_router(providers), providers


def test_every_target_answers_every_task_and_all_is_stored(tmp_path: Path) -> None:
    router, _ = router_of(good=[RIGHT], bad=[WRONG])
    result = run_suite(router, "pool", tasks(3), folder=tmp_path)
    assert ("complete", 6, 6) == (result.status, result.n_planned, len(result.rows))
    assert {("good", "pass"), ("bad", "fail")} == {(s.target, s.verdict) for s in read_samples(tmp_path)}


def test_sample_knows_its_cost_tokens_record_and_price(tmp_path: Path) -> None:
    router, _ = router_of(good=[RIGHT])
    (sample,) = run_suite(router, "pool", tasks(1), folder=tmp_path).rows
    assert (10, 5, "config", "good-model", "bug_fix") == (
        sample.input_tokens,
        sample.output_tokens,
        sample.price_version,
        sample.model,
        sample.kind,
    )
    assert pytest.approx(15e-6) == sample.cost_usd
    assert sample.record_id
    assert sample == read_samples(tmp_path)[0]


def test_request_is_pinned_and_names_kind_and_agent(tmp_path: Path) -> None:
    router, providers = router_of(other=[RIGHT], good=[RIGHT])
    run_suite(router, "pool", tasks(1), folder=tmp_path, options=Options(targets=("good",)))
    (request,) = providers["good"].requests
    assert ([], "bug_fix", "routerkit-eval") == (providers["other"].requests, request.kind, request.agent)


def test_same_command_again_asks_nothing(tmp_path: Path) -> None:
    router, providers = router_of(good=[RIGHT])
    first = run_suite(router, "pool", tasks(3), folder=tmp_path)
    again = run_suite(router, "pool", tasks(3), folder=tmp_path)
    assert (3, 3, 0.0) == (len(providers["good"].requests), again.n_resumed, again.spent_usd)
    assert first.rows == again.rows


def test_changed_task_is_measured_anew(tmp_path: Path) -> None:
    router, providers = router_of(good=[RIGHT])
    run_suite(router, "pool", [make_value_task("t", prompt="Which line?")], folder=tmp_path)
    run_suite(router, "pool", [make_value_task("t", prompt="Which line is wrong?")], folder=tmp_path)
    assert len(providers["good"].requests) == 2


def test_more_epochs_extend_what_is_there(tmp_path: Path) -> None:
    router, providers = router_of(good=[RIGHT])
    run_suite(router, "pool", tasks(2), folder=tmp_path)
    result = run_suite(router, "pool", tasks(2), folder=tmp_path, options=Options(epochs=3))
    assert (6, 6, 2) == (len(result.rows), len(providers["good"].requests), result.n_resumed)
    assert {0, 1, 2} == {s.epoch for s in result.rows}


def test_run_goes_on_after_ctrl_c_where_it_stopped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    router, providers = router_of(good=[RIGHT])

    def press(progress: Progress) -> None:
        if progress.n_done == 2:
            raise KeyboardInterrupt

    result = run_suite(router, "pool", tasks(8), folder=tmp_path, on_progress=press, options=Options(workers=1))
    asked = len(providers["good"].requests)
    assert ("interrupted", asked) == (result.status, len(result.rows))
    assert ["waiting for the samples under way; Ctrl-C again abandons them"] == caplog.messages
    assert 2 <= asked < 8
    again = run_suite(router, "pool", tasks(8), folder=tmp_path)
    assert ("complete", 8, asked) == (again.status, len(providers["good"].requests), again.n_resumed)


def test_provider_failure_is_no_model_failure_and_is_tried_again(tmp_path: Path) -> None:
    router, _ = router_of(shaky=[DOWN])
    (down,) = run_suite(router, "pool", tasks(1), folder=tmp_path).rows
    assert ("infra_provider", False, "server") == (down.verdict, down.counts, down.error_code)
    healthy, _ = router_of(shaky=[RIGHT])
    (up,) = run_suite(healthy, "pool", tasks(1), folder=tmp_path).rows
    assert ("pass", down.sample_id) == (up.verdict, up.sample_id)


def test_target_that_keeps_failing_is_left_alone_and_the_others_finish(tmp_path: Path) -> None:
    router, _ = router_of(dead=[DOWN], good=[RIGHT])
    result = run_suite(router, "pool", tasks(12), folder=tmp_path, options=Options(workers=1))
    assert (("dead",), 12, 5) == (
        result.gave_up,
        sum(s.target == "good" for s in result.rows),
        sum(s.target == "dead" for s in result.rows),
    )


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("timeout", "timeout_model"),
        ("content_filter", "refused"),
        ("context_length", "fail"),
        ("empty_answer", "format"),
        ("server", "infra_provider"),
        ("auth", "infra_provider"),
    ],
)
def test_what_the_model_caused_counts_and_what_the_provider_caused_does_not(tmp_path: Path, code: str, verdict: str) -> None:
    router, _ = router_of(only=[ProviderError("x", code=code)])  # type: ignore[arg-type]
    (sample,) = run_suite(router, "pool", tasks(1), folder=tmp_path).rows
    assert (verdict, code) == (sample.verdict, sample.error_code)


def test_limit_on_money_is_never_passed_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    target = Target("dear", "dear", "dear-1", price=Price(0.0, 100.0))
    script = ScriptedProvider([make_reply("LINE 7", output_tokens=1000)])
    router = make_router({"dear": script}, targets=[target])
    result = run_suite(router, "pool", tasks(10), folder=tmp_path, options=Options(max_usd=0.35))
    assert ("budget", 3) == (result.status, len(result.rows))
    assert pytest.approx(0.3) == result.spent_usd
    more = run_suite(router, "pool", tasks(10), folder=tmp_path, options=Options(max_usd=0.25))
    assert (5, 3) == (len(more.rows), more.n_resumed)


def test_limit_on_money_is_refused_where_a_price_is_unknown(tmp_path: Path) -> None:
    script = ScriptedProvider([RIGHT])
    router = make_router({"free": script}, targets=[Target("free", "free", "free-1")])
    with pytest.raises(EvalError, match="no price is known for free; set usd_per_mtok"):
        run_suite(router, "pool", tasks(1), folder=tmp_path, options=Options(max_usd=1.0))
    assert script.requests == []


def test_unknown_pool_and_target_are_named_with_what_there_is(tmp_path: Path) -> None:
    router, _ = router_of(good=[RIGHT])
    with pytest.raises(EvalError, match="no pool 'x'; known: pool"):
        run_suite(router, "x", tasks(1), folder=tmp_path)
    with pytest.raises(EvalError, match="has no target 'x'; it has good"):
        run_suite(router, "pool", tasks(1), folder=tmp_path, options=Options(targets=("x",)))


def test_short_run_takes_tasks_of_every_kind(tmp_path: Path) -> None:
    router, _ = router_of(good=[RIGHT])
    mixed = [*tasks(5), *(make_value_task(f"m{i}", kind="migrate") for i in range(5))]
    result = run_suite(router, "pool", mixed, folder=tmp_path, options=Options(limit=4))
    assert ["bug_fix", "migrate", "bug_fix", "migrate"] == [s.kind for s in result.rows]


def test_code_task_is_answered_run_and_graded(tmp_path: Path, sandbox: object) -> None:
    router, providers = router_of(good=[make_reply("```python\ndef add(a, b):\n    return a + b\n```")])
    (sample,) = run_suite(router, "pool", [make_task("add")], folder=tmp_path).rows
    assert ("pass", 1, "bwrap+seccomp+rlimits") == (sample.verdict, sample.tests_passed, sample.sandbox)
    prompt = str(providers["good"].requests[0].messages[0]["content"])
    assert "Write add." in prompt
    assert "def add(a, b):" in prompt
    assert "assert add(2, 3)" not in prompt
