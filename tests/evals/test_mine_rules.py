"""The rules of mining: what is tried, what kind of task it is, what must never be written, when it stops."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from routerkit_evals.errors import EvalError
from routerkit_evals.interpreter import Interpreter, Plugin
from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.environment import options_of, pytest_options
from routerkit_evals.mine.filters import footprint, is_runnable, is_source, is_test, refusal
from routerkit_evals.mine.journal import open_journal
from routerkit_evals.mine.kinds import kind_of
from routerkit_evals.mine.leaks import find_leak
from routerkit_evals.mine.mining import Haul, Mine
from routerkit_evals.mine.operators import faults
from routerkit_evals.mine.proving import BROKEN, UNFIT
from routerkit_evals.mine.relevance import background
from routerkit_evals.mine.repository import Change, Commit, Repository
from routerkit_evals.mine.session import Plan, mine
from routerkit_evals.mine.wording import cleaned
from tests.evals.mining import make_repository

LINES = "a = 1\nb = 2\nc = 3\n"


def make_commit(*changes: tuple[str, int], subject: str = "Mend the counting of things", body: str = "") -> Commit:
    return Commit("c" * 40, "p" * 40, "2026-01-01", subject, body, tuple(Change(path, n) for path, n in changes))


def make_candidate(name: str) -> Candidate:
    return Candidate(name, "history", "tree", {"a.py": ""}, ("test_a.py",))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_a.py", (True, True, False)),
        ("pkg/a_test.py", (True, True, False)),
        ("tests/conftest.py", (True, False, False)),
        ("tests/data/page.html", (True, False, False)),
        ("pkg/testing_tools.py", (False, False, True)),
        ("docs/conf.py", (False, False, False)),
        ("setup.py", (False, False, False)),
    ],
)
def test_files_are_told_apart_by_name_and_folder(path: str, expected: tuple[bool, bool, bool]) -> None:
    assert expected == (is_test(path), is_runnable(path), is_source(path))


TEST = ("test_a.py", 5)


@pytest.mark.parametrize(
    ("commit", "reason"),
    [
        (make_commit(TEST), "changes no test or no source"),
        (make_commit(("a.py", 9)), "changes no test or no source"),
        (make_commit(TEST, ("a.py", 2)), "not 3 to 160 changed source lines"),
        (make_commit(TEST, ("a.py", 161)), "not 3 to 160 changed source lines"),
        (make_commit(TEST, *((f"{n}.py", 3) for n in range(7))), "more than 6 source files"),
        (make_commit(TEST, ("a.py", 9), ("fast.c", 1)), "changes code in other languages"),
        (make_commit(TEST, ("a.py", 9), subject="Bump the version to 2.0"), "its message says too little"),
        (make_commit(TEST, ("a.py", 9), subject="oops"), "its message says too little"),
        (make_commit(TEST, ("a.py", 9), subject='Revert "Mend the counting"'), "a revert"),
        (make_commit(TEST, ("a.py", 9), body="This reverts commit abc."), "a revert"),
    ],
)
def test_commit_that_is_not_worth_trying_is_refused_with_the_reason(commit: Commit, reason: str) -> None:
    found = refusal(commit)
    assert found is not None
    assert reason == found.reason


def test_small_commit_of_source_and_test_is_worth_trying() -> None:
    assert refusal(make_commit(TEST, ("a.py", 3), ("README.md", 400))) is None


def test_same_change_elsewhere_and_its_undoing_are_recognised() -> None:
    before, after = {"a.py": LINES}, {"a.py": "a = 1\nb = 5\nc = 6\n"}
    moved = footprint({"b.py": "x\n" + LINES}, {"b.py": "x\na = 1\n  b = 5\nc = 6\n"})
    change = footprint(before, after)
    assert (True, False) == (moved.repeats(change), moved.undoes(change))
    assert (False, True) == (footprint(after, before).repeats(change), footprint(after, before).undoes(change))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({"a.py": "def f(x):\n    return x + 1\n"}, {"a.py": "def g(y):\n    return y + 1\n"}, "refactor"),
        ({"a.py": "def f():\n    return 1\n", "b.py": ""}, {"a.py": "", "b.py": "def f():\n    return 1\n"}, "refactor"),
        ({"a.py": "def f(x):\n    return x.sizee\n"}, {"a.py": "def f(x):\n    return x.size\n"}, "bug_fix"),
        ({"a.py": "class A:\n    x = 1\n"}, {"a.py": "class A:\n    x = 1\n    mode = property(x)\n"}, "synthesize"),
        ({"a.py": "import optparse\nx = optparse.f()\n"}, {"a.py": "import argparse\nx = argparse.g(1)\n"}, "migrate"),
        ({"a.py": "", "b.py": ""}, {"a.py": LINES, "b.py": LINES}, "multi_file"),
        ({"a.py": "x = 1\n"}, {"a.py": "x = 1\ndef f():\n    return x\n"}, "synthesize"),
        ({"a.py": "class A:\n    x = 1\n"}, {"a.py": "class A:\n    x = 1\n    def f(self):\n        return 1\n"}, "synthesize"),
        ({"a.py": "def f():\n    return 1\n"}, {"a.py": "def f():\n    return _g()\n\ndef _g():\n    return 2\n"}, "bug_fix"),
    ],
)
def test_kind_is_told_from_the_shape_of_the_change(before: dict[str, str], after: dict[str, str], kind: str) -> None:
    assert kind == kind_of(before, after)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("key = AKIA" + "Z7" * 8, "AWS access key"),
        ("ghp_" + "aB3" * 12, "GitHub token"),
        ("glpat-" + "aB3x" * 5, "GitLab token"),
        ("xoxb-123456789012-abcdef", "Slack token"),
        ("AIza" + "aB3d5" * 7, "Google key"),
        ("sk-ant-" + "aB3d" * 8, "OpenAI or Anthropic key"),
        ("hf_" + "aB3d5" * 7, "Hugging Face token"),
        ('api_key = "q8Zr2Lm0Vx7Tn4Kd1Ws9"', "a value like a secret"),
        ('{"db_password": "q8Zr2Lm0Vx7Tn4Kd1Ws9"}', "a value like a secret"),
        ("postgres://app:q8Zr2Lm0Vx7Tn4@db/x", "a password in an address"),
    ],
)
def test_secret_is_found_and_its_place_named_without_itself(text: str, what: str) -> None:
    assert f"{what} in settings.py, line 2" == find_leak({"settings.py": f"x = 1\n{text}\n"})


@pytest.mark.parametrize(
    "text",
    [
        'token = "test-token-for-the-suite"',
        'password = os.environ["APP_PASSWORD"]',
        "http://user:password@example.com/",
        'sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        "disk-task-and-desk-lamp-with-long-name-and-more",
        "secret_name = 'AAAAAAAAAAAAAAAAAAAAAAAA1'",
    ],
)
def test_names_placeholders_and_checksums_are_no_secrets(text: str) -> None:
    assert not find_leak({"settings.py": text})


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("Count all pieces (#12)", "Count all pieces"),
        ("Count all pieces, fixes #12", "Count all pieces,"),
        ("Count\n\nSigned-off-by: A <a@b.c>\nCo-authored-by: B <b@c.d>", "Count"),
        ("Count, see https://example.com/pull/12", "Count, see"),
        ("Count what 1a2b3c4d5e forgot", "Count what  forgot"),
        ("Add feedface facade and 1234567 items", "Add feedface facade and 1234567 items"),
    ],
)
def test_message_loses_what_leads_to_its_commit(message: str, left: str) -> None:
    assert left == cleaned(message)


SOURCE = """LIMIT = 10

def f(n, flag=True):
    if n < LIMIT and not flag:  # a comment
        return 'ä' + str(n + 1)
    return False
"""


def test_fault_changes_one_place_and_nothing_else() -> None:
    found = [fault.code.splitlines() for fault in faults(SOURCE, range(1, 99))]
    changed = [[b for a, b in zip(SOURCE.splitlines(), lines, strict=True) if a != b] for lines in found]
    assert [
        ["    if n <= LIMIT and not flag:  # a comment"],
        ["    if n < LIMIT or not flag:  # a comment"],
        ["    if n < LIMIT and flag:  # a comment"],
        ["        return 'ä' + str(n - 1)"],
        ["        return 'ä' + str(n + 2)"],
        ["    return True"],
    ] == changed


def test_faults_are_made_only_in_lines_that_tests_run() -> None:
    assert {6} == {fault.line for fault in faults(SOURCE, {1, 3, 6})}


def test_prompt_shows_what_is_changed_and_what_that_imports() -> None:
    files = {
        "src/shop/__init__.py": "",
        "src/shop/cart.py": "from shop.money import text\nfrom . import tax\n",
        "src/shop/money.py": "",
        "src/shop/tax.py": "from shop import far\n",
        "src/shop/far.py": "",
        "src/shop/huge.py": "x" * 50_000,
    }
    tests = {"tests/test_cart.py": "import shop.cart\nimport shop.huge\n"}
    assert ("src/shop/far.py", "src/shop/huge.py") == background(files, ["src/shop/cart.py"], tests, pythonpath="src")


def test_repository_reads_text_files_and_their_changes(tmp_path: Path) -> None:
    steps = [("Start", {"a ü.py": "x\n", "b.py": "y\n"}), ("Move a file\n\nand say why", {"a ü.py": None, "c.py": "x\nz\n"})]
    folder = make_repository(tmp_path / "r", steps)
    (folder / "untracked.py").write_text("never read")
    with Repository(folder / ".git") as repository:
        (commit,) = repository.commits()
        assert ("Move a file", "and say why", "2026-03-02") == (commit.subject, commit.body, commit.date)
        assert (Change("a ü.py", 1), Change("c.py", 2)) == commit.changes
        assert {"a ü.py": "x\n", "b.py": "y\n"} == repository.tree(commit.parent)
        assert ("r", 2, 1) == (repository.name, repository.count(), repository.count("2026-03-02 00:00:00"))


def test_binary_files_and_links_are_no_text(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r", [("Start", {"a.py": "x\n", "b.bin": "\0", "c.txt": "y"})])
    with Repository(folder) as repository:
        assert {"a.py", "c.txt"} == set(repository.tree(repository.head))


def test_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="not a git repository"):
        Repository(tmp_path)


def test_only_plugins_that_the_project_names_are_loaded() -> None:
    installed = (Plugin("asyncio", "pytest-asyncio"), Plugin("cov", "pytest-cov"), Plugin("xdist", "pytest-xdist"))
    tree = {"pyproject.toml": 'test = ["pytest_asyncio>=1", "pytest-xdist"]', "README.md": "pytest-cov"}
    options = pytest_options(Interpreter("python", (), installed), tree)
    assert ["asyncio"] == [name for flag, name in pairwise(options) if flag == "-p"]


def test_options_of_the_users_command_are_kept() -> None:
    assert ("-p", "trio", "-k", "not slow") == options_of("python -m pytest -p trio -k 'not slow'")


class Trying:
    """Proves by a table and notes what was asked."""

    def __init__(self, results: dict[str, Loss]) -> None:
        self.results, self.asked = results, list[str]()

    def __call__(self, candidate: Candidate) -> Loss | dict[str, str]:
        self.asked.append(candidate.key)
        return self.results.get(candidate.key, {"id": candidate.key})


def dig(folder: Path, trying: Trying, names: Sequence[str], *, wanted: int | None = None, settings: str = "s") -> Haul:
    with open_journal(folder / "j", settings) as journal:
        return Mine(trying, journal, workers=2, wanted=wanted).dig(Haul("history"), map(make_candidate, names))


def test_results_come_in_order_and_stop_at_the_number_wanted(tmp_path: Path) -> None:
    haul = dig(tmp_path, Trying({"b": Loss("no")}), "abcdefghijkl", wanted=3)
    assert (["a", "c", "d"], {"no": 1}, "max") == ([task["id"] for task in haul.tasks], dict(haul.lost), haul.stopped_by)


def test_known_results_are_not_made_again(tmp_path: Path) -> None:
    dig(tmp_path, Trying({"b": Loss("no")}), "abc")
    again = Trying({})
    haul = dig(tmp_path, again, "abcd")
    assert (["d"], ["a", "c", "d"], {"no": 1}) == (again.asked, [task["id"] for task in haul.tasks], dict(haul.lost))


def test_other_settings_try_everything_again(tmp_path: Path) -> None:
    dig(tmp_path, Trying({}), "ab")
    again = Trying({})
    dig(tmp_path, again, "ab", settings="other")
    assert ["a", "b"] == sorted(again.asked)


def test_result_that_was_cut_off_by_a_crash_is_made_again_and_the_rest_kept(tmp_path: Path) -> None:
    dig(tmp_path, Trying({}), "ab")
    journal = tmp_path / "j"
    journal.write_text(journal.read_text()[:-5])
    again = Trying({})
    assert ["a", "b"] == [task["id"] for task in dig(tmp_path, again, "ab").tasks]
    assert 1 == len(again.asked)
    assert not dig(tmp_path, Trying({"a": Loss(""), "b": Loss("")}), "ab").losses


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "damage", [b"null", b"[1]", b"{}", b'{"settings": "s"}', b'{"settings": "s", "key": "a", "loss": 3}', b"\xff\0", b"[" * 9999]
)
def test_damaged_result_is_made_again_and_the_rest_kept(tmp_path: Path, damage: bytes) -> None:
    dig(tmp_path, Trying({}), "ab")
    journal = tmp_path / "j"
    journal.write_bytes(damage + b"\n" + journal.read_bytes().partition(b"\n")[2])
    again = Trying({})
    assert ["a", "b"] == [task["id"] for task in dig(tmp_path, again, "ab").tasks]
    assert 1 == len(again.asked)


def test_broken_sandbox_is_no_verdict_and_tried_again(tmp_path: Path) -> None:
    assert {BROKEN: 1} == dict(dig(tmp_path, Trying({"a": Loss(BROKEN)}), "a").lost)
    assert ["a"] == [task["id"] for task in dig(tmp_path, Trying({}), "a").tasks]


def test_candidates_too_old_for_the_environment_end_the_search(tmp_path: Path) -> None:
    names = [f"{n:02}" for n in range(40)]
    haul = dig(tmp_path, Trying({name: Loss(UNFIT) for name in names[1:]}), names)
    assert (1, {UNFIT: 8}, "environment") == (len(haul.tasks), dict(haul.lost), haul.stopped_by)


def test_interrupt_keeps_what_is_known(tmp_path: Path) -> None:
    def source() -> Iterator[Candidate]:
        yield from map(make_candidate, "abcde")  # more than are tried ahead, so that the first is there
        raise KeyboardInterrupt

    with open_journal(tmp_path / "j", "s") as journal:
        haul = Mine(Trying({}), journal, workers=2).dig(Haul("history"), source())
    assert ("interrupt", "a") == (haul.stopped_by, haul.tasks[0]["id"])


@pytest.mark.parametrize("out", ["", ".", "pipe"])
def test_output_that_is_no_file_is_refused_and_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(EvalError, match=r"^--out '.*' is not a file; name one"):
        mine(Plan(tmp_path, Path(sys.executable), Path(out)))
    assert Path("pipe").is_fifo()


def test_options_whose_quote_is_not_closed_are_refused() -> None:
    with pytest.raises(EvalError, match="No closing quotation"):
        options_of("pytest 'x")


def test_name_of_a_repository_holds_nothing_that_no_task_may(tmp_path: Path) -> None:
    with Repository(make_repository(tmp_path / "a\nb")) as repository:
        assert "a_b" == repository.name


def test_second_process_on_one_output_is_refused(tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "j", "s"),
        pytest.raises(EvalError, match="another `routerkit eval mine` writes it"),
        open_journal(tmp_path / "j", "s"),
    ):
        pass
