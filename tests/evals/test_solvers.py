"""Ways to get an answer: one shot in three forms, two tries, an agent with tools. All paid for, none shown a hidden test."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from routerkit import ProviderError, Reply, ToolCall
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from routerkit_evals import EvalError, Grader, Program, Sandbox, Task
from routerkit_evals.agent_solver import AgentBounds, AgentSolver
from routerkit_evals.runner import judge
from routerkit_evals.shown import check_shown, cut
from routerkit_evals.solver import Answer, Solver, make_solver
from routerkit_evals.task import Scorer
from routerkit_evals.workspace import Workspace
from tests.evals.making import make_task, make_value_task

CALL_USD = 15e-6
SECRET = "hidden-assertion"
TASK = replace(
    make_task("add"),
    tests={"check.py": f"from solution import add\nassert add(2, 3) == 5, '{SECRET}'\nprint('ok')\n"},
    shown_tests={"shown.py": "from solution import add\nassert add(1, 1) == 2, 'shown: one and one'\n"},
)
UNSHOWN = replace(TASK, shown_tests={})
WRONG, RIGHT = (make_reply(f"```python\ndef add(a, b):\n    return a {sign} b\n```") for sign in "-+")
DOWN = ProviderError("down", code="server")


def solver_of(name: str, script: list[Reply | ProviderError], **options: object) -> tuple[Solver, ScriptedProvider]:
    provider = ScriptedProvider(script)
    return make_solver(name, make_router({"a": provider}), "pool", **options), provider  # type: ignore[arg-type]


def call(name: str, **arguments: object) -> Reply:
    return replace(make_reply(""), tool_calls=(ToolCall("c1", name, json.dumps(arguments)),), finish_reason="tool_calls")


def texts(provider: ScriptedProvider) -> str:
    return "\n".join(str(m) for request in provider.requests for m in request.messages)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("whole", "```python\ndef add(a, b):\n    return a + b\n```"),
        ("search-replace", "solution.py\n<<<<<<< SEARCH\n    ...\n=======\n    return a + b\n>>>>>>> REPLACE"),
        ("diff", "```diff\n--- a/solution.py\n+++ b/solution.py\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    ...\n+    return a + b\n```"),
    ],
)
def test_right_answer_passes_in_each_form(sandbox: Sandbox, form: str, text: str) -> None:
    solver, _ = solver_of("one-shot", [make_reply(text)], answer_format=form)
    answer = solver.solve(TASK, "a", epoch=0)
    assert "pass" == judge(TASK, answer, Grader(sandbox)).verdict
    assert text == (answer.raw or answer.text)


@pytest.mark.parametrize(("window", "longest"), [(2_048, 1_024), (400_000, 4_096), (None, 4_096)])
def test_small_window_keeps_room_for_the_prompt(window: int | None, longest: int) -> None:
    """Asked for 4,096 tokens, a model with a window of 2,048 would be left out before any task."""
    provider = ScriptedProvider([make_reply("x")])
    router = make_router({"a": provider}, targets=[make_target("a", context_tokens=window)])
    assert make_solver("one-shot", router, "pool").solve(TASK, "a", epoch=0).verdict is None
    assert longest == provider.requests[0].max_tokens


@pytest.mark.parametrize(("finish_reason", "verdict"), [("stop", "format"), ("length", "truncated")])
def test_edits_that_do_not_fit_are_a_format_failure_with_the_reason(finish_reason: str, verdict: str) -> None:
    reply = replace(make_reply("solution.py\n<<<<<<< SEARCH\nnope\n=======\nx\n>>>>>>> REPLACE"), finish_reason=finish_reason)
    solver, _ = solver_of("one-shot", [reply], answer_format="search-replace")
    grade = judge(TASK, solver.solve(TASK, "a", epoch=0), Grader(None))
    assert verdict == grade.verdict
    assert "edit 1 of solution.py: the lines to replace are not in the file" in grade.why


def test_edit_of_a_closed_file_is_ignored_and_named(sandbox: Sandbox) -> None:
    text = (
        "check.py\n<<<<<<< SEARCH\n\n=======\nprint('ok')\n>>>>>>> REPLACE\nsolution.py\n<<<<<<< SEARCH\n...\n=======\nx\n>>>>>>> REPLACE"
    )
    solver, _ = solver_of("one-shot", [make_reply(text.replace("\n...\n", "\n    ...\n"))], answer_format="search-replace")
    grade = judge(TASK, solver.solve(TASK, "a", epoch=0), Grader(sandbox))
    assert "fail" == grade.verdict
    assert grade.why.endswith("(ignored: check.py)")


@pytest.mark.parametrize("form", ["whole", "search-replace", "diff"])
def test_value_tasks_know_no_form(form: str) -> None:
    solver, _ = solver_of("one-shot", [make_reply("LINE 7")], answer_format=form)
    assert "LINE 7" == solver.solve(make_value_task("v"), "a", epoch=0).text


def test_forms_and_solvers_have_prompts_of_their_own_so_that_samples_do_not_mix() -> None:
    options = [("one-shot", "whole"), ("one-shot", "search-replace"), ("one-shot", "diff"), ("two-tries", "whole"), ("agent", "whole")]
    assert 5 == len({solver_of(name, [RIGHT], answer_format=form)[0].prompt(TASK) for name, form in options})


def test_prompts_show_the_shown_tests_and_no_hidden_one() -> None:
    for name in ("one-shot", "two-tries", "agent"):
        assert SECRET not in solver_of(name, [RIGHT])[0].prompt(TASK)
    assert "shown: one and one" in solver_of("one-shot", [RIGHT])[0].prompt(TASK)


def test_prompt_says_that_tests_are_hidden_only_where_some_are() -> None:
    whole = solver_of("one-shot", [RIGHT])[0].prompt(replace(TASK, tests=dict(TASK.shown_tests)))
    assert ("These tests will be run:" in whole, "not shown" in whole) == (True, False)
    assert "These tests will be run, and others that are not shown:" in solver_of("one-shot", [RIGHT])[0].prompt(TASK)


def test_files_in_the_background_are_named_and_not_shown() -> None:
    task = replace(TASK, files={**TASK.files, "far.py": "DISTANT = 1\n"}, background=("far.py",))
    prompt = solver_of("one-shot", [RIGHT])[0].prompt(task)
    assert (True, False) == ("far.py" in prompt, "DISTANT" in prompt)


def test_tests_that_are_all_shown_run_with_the_options_they_are_graded_with(sandbox: Sandbox) -> None:
    tests = {"test_a.py": "def test_right(): pass\n\ndef test_needs_a_network(): assert 0\n"}
    program = Program("pytest", ("-q", "test_a.py", "--deselect=test_a.py::test_needs_a_network"))
    assert check_shown(sandbox, replace(TASK, tests=tests, shown_tests=tests, program=program), {}).is_ok


@pytest.mark.parametrize(("name", "form"), [("three-tries", "whole"), ("one-shot", "poem")])
def test_unknown_solver_or_form_is_an_error_that_lists_what_there_is(name: str, form: str) -> None:
    with pytest.raises(EvalError, match=r"known: (one-shot|whole), "):
        solver_of(name, [RIGHT], answer_format=form)


def test_second_try_sees_what_failed_and_pays_for_both(sandbox: Sandbox) -> None:
    solver, provider = solver_of("two-tries", [WRONG, RIGHT], sandbox=sandbox)
    answer = solver.solve(TASK, "a", epoch=0)
    assert "pass" == judge(TASK, answer, Grader(sandbox)).verdict
    assert (2, 2) == (answer.n_calls, len(provider.requests))
    assert pytest.approx(2 * CALL_USD) == answer.cost_usd
    assert answer.usage is not None
    assert (20, 10) == (answer.usage.input_tokens, answer.usage.output_tokens)
    assert "shown: one and one" in str(provider.requests[1].messages[-1]["content"])


@pytest.mark.slow
def test_nothing_of_the_hidden_tests_reaches_the_model(sandbox: Sandbox) -> None:
    for name in ("two-tries", "agent"):
        solver, provider = solver_of(name, [call("run_tests"), WRONG] if name == "agent" else [WRONG, WRONG], sandbox=sandbox)
        answer = solver.solve(TASK, "a", epoch=0)
        assert SECRET not in texts(provider) + answer.raw
        assert "check.py" not in texts(provider) + answer.raw


def test_answer_that_passes_the_shown_tests_gets_no_second_try(sandbox: Sandbox) -> None:
    solver, provider = solver_of("two-tries", [RIGHT, WRONG], sandbox=sandbox)
    assert (1, 1) == (solver.solve(TASK, "a", epoch=0).n_calls, len(provider.requests))


def test_without_shown_tests_only_code_that_cannot_run_gets_a_second_try() -> None:
    assert 1 == solver_of("two-tries", [WRONG, RIGHT])[0].solve(UNSHOWN, "a", epoch=0).n_calls
    broken = make_reply("```python\ndef add(a, b)\n```")
    solver, provider = solver_of("two-tries", [broken, RIGHT])
    assert 2 == solver.solve(UNSHOWN, "a", epoch=0).n_calls
    assert "solution.py, line 1: expected ':'" in str(provider.requests[1].messages[-1]["content"])


def test_second_try_of_edits_goes_on_from_the_first() -> None:
    one, two = (
        f"solution.py\n<<<<<<< SEARCH\n    {a}\n=======\n    {b}\n>>>>>>> REPLACE"
        for a, b in (("...", "return a +"), ("return a +", "return a + b"))
    )
    solver, _ = solver_of("two-tries", [make_reply(one), make_reply(two)], answer_format="search-replace")
    assert "return a + b\n" in str(solver.solve(UNSHOWN, "a", epoch=0).text)


def test_unusable_second_answer_leaves_the_first_standing(sandbox: Sandbox) -> None:
    solver, _ = solver_of("two-tries", [WRONG, make_reply("I give up.")], sandbox=sandbox)
    answer = solver.solve(TASK, "a", epoch=0)
    assert ("fail", 2) == (judge(TASK, answer, Grader(sandbox)).verdict, answer.n_calls)
    assert "return a - b" in str(answer.text)


@pytest.mark.parametrize("name", ["one-shot", "two-tries", "agent"])
def test_provider_failure_is_no_answer_and_no_fault_of_the_model(name: str) -> None:
    answer = solver_of(name, [DOWN])[0].solve(TASK, "a", epoch=0)
    assert (None, "infra_provider", "server") == (answer.text, answer.verdict, answer.error_code)


@pytest.mark.slow
def test_agent_edits_tests_and_mends(sandbox: Sandbox) -> None:
    script = [
        call("list_files"),
        call("read_file", path="solution.py"),
        call("edit_file", path="solution.py", old="    ...", new="    return a - b"),
        call("run_tests"),
        call("edit_file", path="solution.py", old="a - b", new="a + b"),
        call("run_tests"),
        make_reply("Done."),
    ]
    solver, provider = solver_of("agent", script, sandbox=sandbox)
    answer = solver.solve(TASK, "a", epoch=0)
    assert "pass" == judge(TASK, answer, Grader(sandbox)).verdict
    assert (7, pytest.approx(7 * CALL_USD)) == (answer.n_calls, answer.cost_usd)
    assert "shown: one and one" in texts(provider)
    assert "The tests pass." in answer.raw
    assert {"routerkit-eval"} == {request.agent for request in provider.requests}


@pytest.mark.parametrize(
    ("bounds", "stopped_by", "n_calls"),
    [
        (AgentBounds(max_steps=3), "steps", 3),
        (AgentBounds(max_total_tokens=30), "tokens", 2),
        (AgentBounds(timeout_s=1e-9), "time", 0),
    ],
    ids=["steps", "tokens", "time"],
)
def test_agent_ends_at_its_bounds(bounds: AgentBounds, stopped_by: str, n_calls: int) -> None:
    router = make_router({"a": ScriptedProvider([call("list_files")])})
    answer = AgentSolver(router, "pool", bounds=bounds).solve(TASK, "a", epoch=0)
    assert (stopped_by, n_calls) == (answer.finish_reason, answer.n_calls)
    assert "timeout_model" if stopped_by == "time" else "format" == answer.verdict


def test_agent_that_fails_after_an_edit_costs_what_it_cost() -> None:
    edit = call("edit_file", path="solution.py", old="", new="x = 1\n")
    answer = solver_of("agent", [edit, ProviderError("busy", code="server")])[0].solve(TASK, "a", epoch=0)
    assert ("infra_provider", 2, pytest.approx(CALL_USD)) == (answer.verdict, answer.n_calls, answer.cost_usd)


def test_agent_out_of_context_is_graded_by_what_it_edited() -> None:
    edit = call("edit_file", path="solution.py", old="", new="x = 1\n")
    answer = solver_of("agent", [edit, ProviderError("long", code="context_length")])[0].solve(TASK, "a", epoch=0)
    assert (None, True) == (answer.verdict, "x = 1" in str(answer.text))


def test_agent_answers_questions_with_its_last_words() -> None:
    assert "LINE 7" == solver_of("agent", [call("list_files"), make_reply("LINE 7")])[0].solve(make_value_task("v"), "a", epoch=0).text


def test_missing_langchain_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EvalError, match=r"needs the package 'langchain'; pip install 'routerkit\[evals,langchain\]'"):
        solver_of("agent", [RIGHT])


@pytest.mark.parametrize(
    ("arguments", "reply"),
    [
        (("check.py", "", "x"), "error: 'check.py' may not be changed; you may change solution.py"),
        (("shown.py", "", "x"), "error: 'shown.py' may not be changed; you may change solution.py"),
        (("../solution.py", "", "x"), "error: '../solution.py' may not be changed; you may change solution.py"),
        (("solution.py", "nope", "x"), "error: old occurs 0 times in solution.py; it must occur once, with its indentation"),
        (("solution.py", "    ...", "    pass"), "solution.py now has 2 lines."),
    ],
)
def test_edit_tool_changes_one_place_of_an_open_file(arguments: tuple[str, str, str], reply: str) -> None:
    assert reply == Workspace(TASK, None).edit_file(*arguments)


def test_tools_know_no_hidden_file() -> None:
    space = Workspace(TASK, None)
    assert "shown.py (2 lines, read only)\nsolution.py (2 lines)" == space.list_files()
    assert "error: there is no file 'check.py'; there is shown.py, solution.py" == space.read_file("check.py")


def test_long_files_are_read_in_parts() -> None:
    lines = [f"line {n}\n" for n in range(5_000)]
    space = Workspace(replace(TASK, files={"solution.py": "".join(lines)}), None)
    head, _, note = space.read_file("solution.py").rpartition("\n")
    first = int(note.removeprefix("[cut; go on with first_line=").removesuffix("]"))
    assert "".join(lines[: first - 1]).rstrip() == head
    assert space.read_file("solution.py", first).startswith(lines[first - 1])


def test_written_tests_are_shown_their_own_failure_on_the_module_as_it_is(sandbox: Sandbox) -> None:
    task = Task("t", "test_write", "?", Scorer("mutation", module="m.py"), files={"m.py": "X = 1\n"}, editable=("test_m.py",))
    shown = check_shown(sandbox, task, {"test_m.py": "import m\ndef test_x():\n    assert m.X == 2\n"})
    assert not shown.is_ok
    assert "assert 1 == 2" in shown.output


def test_long_output_loses_its_middle() -> None:
    short = cut("a" * 600 + "b" * 9_000 + "c" * 3_000)
    assert 3_000 < len(short) < 3_200
    assert ("a" * 500, "c" * 2_500) == (short[:500], short[-2_500:])


def test_answer_can_be_written_down_and_read_back() -> None:
    """Pending answers are JSON files."""
    from dataclasses import asdict

    answer = solver_of("two-tries", [WRONG])[0].solve(UNSHOWN, "a", epoch=0)
    assert asdict(answer) == json.loads(json.dumps(asdict(answer)))
    assert isinstance(answer, Answer)
