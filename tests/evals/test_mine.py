"""Mining a repository, end to end: real git, real pytest, real sandbox."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from routerkit.cli import main
from routerkit_evals import Grader, Sandbox, Task, load_tasks
from routerkit_evals.errors import EvalError
from routerkit_evals.mine.report import Report
from routerkit_evals.mine.session import Plan, mine
from routerkit_evals.prompts import build_prompt
from routerkit_evals.verify import verify
from tests.evals.mining import make_repository
from tests.evals.shop_history import STOCK

pytestmark = pytest.mark.slow
PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("mine") / "shop")


@pytest.fixture(scope="module")
def report(shop: Path, sandbox: Sandbox) -> Report:
    return mine(Plan(shop, PYTHON, shop.parent / "shop.jsonl"))


@pytest.fixture(scope="module")
def tasks(report: Report) -> dict[str, Task]:
    """Mined tasks by their first line."""
    return {task.prompt.splitlines()[0]: task for task in load_tasks(report.out)}


def test_commits_that_fix_or_add_with_a_test_become_tasks(tasks: dict[str, Task]) -> None:
    kinds = {line: task.category for line, task in tasks.items()}
    assert {"Count every piece in the total of a cart": "bug_fix", "Offer discounts on whole carts": "synthesize"} == kinds


def test_every_mined_task_is_proven_by_verify(tasks: dict[str, Task], sandbox: Sandbox) -> None:
    assert ["proven"] * 2 == [proof.state for proof in verify(list(tasks.values()), Grader(sandbox))]


def test_each_lost_commit_has_its_reason(report: Report) -> None:
    (haul,) = report.hauls
    assert {"changes no test or no source": 1, "its message says too little": 1} == dict(haul.set_aside)
    assert {
        "it may hold a secret": 1,
        "no test fails before and passes after": 1,
        "a test that passed fails after": 1,
    } == dict(haul.lost)
    assert (7, 5) == (haul.n_seen, haul.n_candidates)


def test_secret_is_named_by_place_and_never_written(report: Report) -> None:
    (leak,) = [loss.detail for _, loss in report.hauls[0].losses if "secret" in loss.reason]
    assert "GitHub token in tests/test_keyed.py, line 3" == leak
    journal = report.out.with_name(f"{report.out.name}.journal")
    assert "0a1B2c3D" not in report.out.read_text() + journal.read_text()


def test_task_keeps_only_files_its_tests_opened(tasks: dict[str, Task]) -> None:
    task = tasks["Count every piece in the total of a cart"]
    assert ["shop/__init__.py", "shop/cart.py", "shop/money.py"] == sorted(task.files)
    assert ["shop/cart.py"] == sorted(task.reference)


def test_prompt_leads_neither_to_the_commit_nor_to_the_person(tasks: dict[str, Task]) -> None:
    prompt = build_prompt(tasks["Count every piece in the total of a cart"])
    assert not [trace for trace in ("#12", "0123abc4567", "a@b.c", "Signed-off", ".git") if trace in prompt]


def test_right_answer_is_not_in_the_prompt(tasks: dict[str, Task]) -> None:
    assert "# every piece counts" not in build_prompt(tasks["Count every piece in the total of a cart"])


def test_tests_that_cannot_pass_here_are_left_out_and_the_others_decide(tasks: dict[str, Task]) -> None:
    task = tasks["Count every piece in the total of a cart"]
    assert task.program is not None
    assert "--deselect=tests/test_cart.py::test_needs_a_network" in task.program.paths
    assert {
        "tests/test_cart.py::test_every_piece_counts",
        "tests/test_cart.py::test_empty_cart_costs_nothing",
        "tests/test_cart.py::test_total_is_shown",
    } == set(task.scorer.expected)


def test_same_command_again_runs_nothing_and_writes_the_same(report: Report, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = report.out.read_text()
    report.out.unlink()

    def refuse(*_: object) -> None:
        raise AssertionError("a candidate was tried again")

    monkeypatch.setattr("routerkit_evals.mine.session._PROVE", {"history": refuse})
    assert written == (mine(Plan(shop, PYTHON, report.out)), report.out.read_text())[1]


def test_older_commits_faults_and_missing_tests_are_tasks_at_the_newest_commit(tmp_path: Path, sandbox: Sandbox) -> None:
    repository = make_repository(tmp_path / "stock", STOCK)
    found = mine(Plan(repository, PYTHON, tmp_path / "stock.jsonl", modes=("reverse", "mutants", "tests"), wanted=2))
    tasks = load_tasks(found.out)
    assert ["reverse", "reverse", "mutants", "mutants", "tests"] == [haul.mode for haul in found.hauls for _ in haul.tasks]
    assert all((repository / path).read_text() == text for task in tasks for path, text in task.reference.items())
    assert {"proven"} == {proof.state for proof in verify(tasks, Grader(sandbox))}


@pytest.mark.parametrize("importing", ["test_pkg.py", "conftest.py"])
def test_project_whose_tests_cannot_be_imported_is_refused_with_the_reason(tmp_path: Path, importing: str) -> None:
    files = {"pkg.py": "import nothing_of_that_name\n", "test_pkg.py": "def test_it(): pass\n"}
    files[importing] = f"import pkg\n{files.get(importing, '')}"
    repository = make_repository(tmp_path / "broken", [("Start", files)])
    with pytest.raises(EvalError, match=r"no test can be imported in .*No module named 'nothing_of_that_name'.*--python"):
        mine(Plan(repository, PYTHON, tmp_path / "out.jsonl"))


def test_tests_may_not_run_the_copy_that_is_installed(tmp_path: Path) -> None:
    """`typer` is installed here; a commit that only moves it into being must not be proven by that copy."""
    test = "import typer\n\n\ndef test_it():\n    from typer import Typer\n"
    steps = [
        ("Start", {"other.py": "x = 1\n", "test_other.py": "def test_x(): pass\n"}),
        (
            "Write a package named typer",
            {
                "typer/__init__.py": "a = 1\nb = 2\nclass Typer: pass\n",
                "test_typer.py": test + "    import typer\n    assert typer.b == 2\n",
            },
        ),
    ]
    found = mine(Plan(make_repository(tmp_path / "copy", steps), PYTHON, tmp_path / "out.jsonl"))
    assert {"an installed copy of the package is imported": 1} == dict(found.hauls[0].lost)


def test_command_prints_counts_as_json_and_names_the_next_step(
    report: Report, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["routerkit", "eval", "mine", "--repo", str(shop), "--python", str(PYTHON), "--out", str(report.out), "--json"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as caught:
        main()
    shown = capsys.readouterr()
    body = json.loads(shown.out)
    assert (0, 2, 5) == (caught.value.code, body["n_tasks"], body["modes"][0]["n_candidates"])
    assert f"next: routerkit eval verify --tasks {report.out}" in shown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--repo", "/nowhere"), "--repo /nowhere: "),
        (("--since", "yesterday"), "--since 'yesterday' is not a date; write it as YYYY-MM-DD or like '6 months'"),
        (("--mode", "mutant"), "--mode 'mutant' is unknown; known: history, reverse, mutants, tests and all"),
        (("--test-command", "make test"), "--test-command 'make test': tasks are run by pytest"),
    ],
)
def test_wrong_option_is_one_clear_line(
    arguments: tuple[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["routerkit", "eval", "mine", "--python", str(PYTHON), *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    error = capsys.readouterr().err
    assert (2, True) == (caught.value.code, said in error)
    assert 1 == len(error.strip().splitlines())
