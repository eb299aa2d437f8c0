"""Answers that are edits: where they apply, and what is said where they do not."""

from __future__ import annotations

import difflib

import pytest

from routerkit_evals.patch import apply_edits

START = {
    "a.py": "import os\n\n\ndef f(x):\n    y = x + 1\n    return y\n\n\ndef g(x):\n    y = x + 1\n    return y\n",
    "pkg/b.py": "VALUE = 1  \n",
}


TWICE = "edit 1 of a.py: the lines to replace occur 2 times"


def block(old: str, new: str, *, path: str = "a.py") -> str:
    return f"{path}\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"


def diff(before: str, after: str, *, path: str = "a.py", n: int = 3) -> str:
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}", n=n))


def test_block_replaces_what_it_found() -> None:
    done = apply_edits("Sure.\n\n" + block("def f(x):\n    y = x + 1", "def f(x):\n    y = x + 2"), "search-replace", START)
    assert ("", {"a.py": START["a.py"].replace("x + 1", "x + 2", 1)}) == (done.problem, done.files)


def test_blocks_follow_each_other_and_keep_their_file() -> None:
    text = block("import os", "import sys") + block("import sys", "import re", path="").lstrip("\n")
    assert apply_edits(text, "search-replace", START).files["a.py"].startswith("import re\n")


def test_block_without_old_lines_makes_a_new_file() -> None:
    assert {"pkg/c.py": "X = 1\n"} == apply_edits(block("", "X = 1", path="pkg/c.py"), "search-replace", START).files


def test_only_editable_file_needs_no_label() -> None:
    text = "I use os.path here:\n" + block("import os", "import os.path", path="").lstrip("\n")
    assert ["a.py"] == list(apply_edits(text, "search-replace", START, path="a.py").files)


def test_blanks_at_line_ends_do_not_matter_and_those_of_kept_lines_stay() -> None:
    done = apply_edits(block("VALUE = 1", "VALUE = 1\nOTHER = 2", path="pkg/b.py"), "search-replace", START)
    assert {"pkg/b.py": "VALUE = 1  \nOTHER = 2\n"} == done.files


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("I would rather not.", "no SEARCH/REPLACE block in the answer"),
        (
            block("    y = x + 1", "    y = 0"),
            "edit 1 of a.py: the lines to replace occur 2 times; more lines around them would tell which",
        ),
        (block("y = x + 3", "y = 0"), "edit 1 of a.py: the lines to replace are not in the file; the first is 'y = x + 3'"),
        (block("y = x + 1", "y = 0"), "edit 1 of a.py: the lines to replace are not in the file; the first is 'y = x + 1'"),
        (block("", "x = 1"), "edit 1 of a.py: names no line of the file that it changes, so its place is unknown"),
        (block("x", "y", path="c.py"), "edit 1 of c.py: there is no such file to change"),
        ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n", "a.py: a SEARCH block without >>>>>>> REPLACE"),
        ("a.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n", "a.py: a SEARCH block without ======="),
        ("<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n", "a SEARCH block has no path in the line before it"),
    ],
    ids=["prose", "twice", "nowhere", "indentation", "no place", "no file", "unclosed", "undivided", "unlabelled"],
)
def test_block_that_cannot_be_applied_says_why(text: str, problem: str) -> None:
    done = apply_edits(text, "search-replace", START)
    assert (problem, {}) == (done.problem, done.files)


def test_one_wrong_block_leaves_all_files_alone() -> None:
    done = apply_edits(block("import os", "import sys") + block("nope", "x"), "search-replace", START)
    assert done.problem.startswith("edit 2 of a.py")
    assert {} == done.files


def test_git_diff_applies_to_the_letter() -> None:
    after = START["a.py"].replace("return y", "return -y")
    assert {"a.py": after} == apply_edits(f"```diff\n{diff(START['a.py'], after)}```", "diff", START).files


def test_wrong_line_numbers_do_not_matter_where_one_place_fits() -> None:
    after = START["a.py"].replace("def f(x):\n    y = x + 1", "def f(x):\n    y = x + 2")
    text = diff(START["a.py"], after).replace("@@ -2,7 +2,7 @@", "@@ -40,2 +41,9 @@")
    assert "-40,2" in text
    assert {"a.py": after} == apply_edits(text, "diff", START).files


def test_line_number_chooses_between_places_that_fit_after_earlier_hunks_moved_them() -> None:
    after = (
        START["a.py"]
        .replace("import os\n", "import os\nimport re\nimport sys\n")
        .replace("def g(x):\n    y = x + 1", "def g(x):\n    y = 0")
    )
    text = diff(START["a.py"], after, n=0)
    assert {"a.py": after} == apply_edits(text.replace("@@ -1,0 +2,2 @@\n+", "@@ -1,1 +1,3 @@\n import os\n+"), "diff", START).files


def test_place_that_is_not_unique_and_not_where_the_diff_says_is_refused() -> None:
    text = "--- a/a.py\n+++ b/a.py\n@@ -3 +3 @@\n-    y = x + 1\n+    y = 0\n"
    assert TWICE in apply_edits(text, "diff", START).problem


def test_empty_context_lines_may_have_lost_their_blank() -> None:
    text = "--- a.py\n+++ a.py\n@@ @@\n import os\n\n\n-def f(x):\n+def h(x):\n"
    assert {"a.py": START["a.py"].replace("def f", "def h")} == apply_edits(text, "diff", START).files


def test_diff_makes_new_files_and_changes_several() -> None:
    text = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,1 @@\n+X = 1\n" + diff(START["pkg/b.py"], "VALUE = 2\n", path="pkg/b.py")
    assert {"new.py": "X = 1\n", "pkg/b.py": "VALUE = 2\n"} == apply_edits(text, "diff", START).files


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("No change is needed.", "no hunk of a unified diff in the answer"),
        ("--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-import os\n", "a.py: the diff deletes a file, which no task asks for"),
        ("--- a/a.py\n+++ b/z.py\n@@ -1 +1 @@\n-import os\n+x\n", "a.py: the diff renames a file; write it as a new file instead"),
        ("@@ -1 +1 @@\n-import os\n+x\n", "a hunk has no --- and +++ lines before it"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n import os\n", "a.py: a hunk changes nothing"),
    ],
    ids=["prose", "delete", "rename", "no header", "no change"],
)
def test_diff_that_cannot_be_applied_says_why(text: str, problem: str) -> None:
    done = apply_edits(text, "diff", START)
    assert (problem, {}) == (done.problem, done.files)


@pytest.mark.parametrize("seed", range(20))
def test_any_edit_of_whole_lines_survives_the_way_through_a_diff(seed: int) -> None:
    """Law: applying the diff of two texts to the first gives the second."""
    import random

    draw = random.Random(seed)
    before = [f"line {draw.randrange(6)}" for _ in range(30)]
    after = [line for line in before if draw.random() > 0.15]
    for _ in range(4):
        after.insert(draw.randrange(len(after)), f"new {draw.randrange(100)}")
    one, other = ("\n".join(lines) + "\n" for lines in (before, after))
    assert {"a.py": other} == apply_edits(diff(one, other), "diff", {"a.py": one}).files
