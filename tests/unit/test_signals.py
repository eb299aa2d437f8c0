"""What is seen of code in a conversation, and that looking never takes long."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import Request, Rule, When, features
from routerkit.kinds import guess_kind
from routerkit.rules import matching
from routerkit.signals import NOTHING_SEEN, Signals, read_signals

TRACE = 'Traceback (most recent call last):\n  File "app/core.py", line 3, in run\nKeyError: 1'


def asked(text: str) -> Signals:
    return read_signals(({"role": "user", "content": text},))


@pytest.mark.parametrize(
    ("text", "language", "target"),
    [
        ("Fix this:\n```java\nint x;\n```", "java", None),
        ("Speed up app/main.rs please", "rust", None),
        ("def f(x):\n    return x", "python", None),
        ("func main() {\n}", "go", None),
        ("       IDENTIFICATION DIVISION.\n       PROGRAM-ID. PAYROLL.", "cobol", None),
        ("Translate Invoice.bas to Python 3.11", "visual basic", "python"),
        ("Port this COBOL program to Java", "cobol", "java"),
        ("Rewrite it in Go: ```js\nf()\n```", "javascript", "go"),
        ("Let's go through the plan", None, None),
        ("What is the weather?", None, None),
    ],
)
def test_language_is_seen_by_fence_file_looks_or_name(text: str, language: str | None, target: str | None) -> None:
    """Common words that are also names of languages mean nothing alone."""
    assert (language, target) == (asked(text).language, asked(text).target_language)


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("Convert test_a.py from unittest to plain pytest", ("unittest", "pytest")),
        ("Migrate from Java 8 to Java 21", ("java 8", "java 21")),
        ("Replace optparse by argparse", ("optparse", "argparse")),
        ("Move the file from here to there", None),
    ],
)
def test_jump_between_frameworks_or_versions_is_named(text: str, jump: tuple[str, str] | None) -> None:
    assert jump == asked(text).jump


def test_files_and_lines_are_counted_once_each() -> None:
    """Line numbers, quotes and repetitions make no further file; prose between fences is no code."""
    seen = asked("In `app/core.py:12` and app/core.py, see README.md.\n```python\na = 1\nb = 2\n```\nThanks\n")
    assert (2, 2) == (seen.n_files, seen.n_code_lines)


@pytest.mark.parametrize("indent", [" ", "    ", "\t", "\t "])
def test_stack_frames_of_java_are_seen_however_indented(indent: str) -> None:
    assert asked(f"It fails:\n{indent}at com.acme.Billing.total(Billing.java:41)").has_traceback
    assert not asked(f"It fails:\n{indent}at noon (see 12:30)").has_traceback


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("public class Cart {", "java"),
        ("namespace Shop\n{", "c#"),
        ("impl Cart", "rust"),
        ("<?php echo 1;", "php"),
        ("#include <stdio.h>", "c"),
        ("Create Table carts (id int)", "sql"),
        ("SELECT id FROM carts", "sql"),
        ("export interface Cart {", "typescript"),
        ("items.map(i => {", "javascript"),
        ("import os", "python"),
        ("if true; then\n  x\nfi", "shell"),
    ],
)
def test_code_is_known_by_its_looks(code: str, language: str) -> None:
    assert language == asked(code).language


def test_diffs_tracebacks_and_tests_are_seen() -> None:
    seen = asked(f"Why?\n{TRACE}\n--- a/tests/test_core.py\n+++ b/tests/test_core.py\n@@ -1,2 +1,2 @@\n")
    assert (True, True, True) == (seen.has_diff, seen.has_traceback, seen.has_tests)
    assert (False, False, False) == (asked("Hello").has_diff, asked("Hello").has_traceback, asked("Hello").has_tests)


def test_tool_depth_counts_results_since_the_user_spoke() -> None:
    conversation = (
        {"role": "tool", "content": "old"},
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": None},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    )
    assert 2 == read_signals(conversation).tool_depth


def test_earlier_failures_count_only_on_the_same_file() -> None:
    """The newest report is about core.py: of the three before it, two were as well; what succeeded is none."""
    results = [TRACE, "tests/test_other.py FAILED", "core.py ok", "FAILED src/core.py::test", TRACE]
    conversation = [{"role": "user", "content": "Fix it"}, *({"role": "tool", "content": text} for text in results)]
    assert 2 == read_signals(conversation).n_earlier_failures


@pytest.mark.parametrize(
    ("seen", "difficulty"),
    [
        (NOTHING_SEEN, None),
        (Signals(language="python", n_files=1), "low"),
        (Signals(language="python", n_files=3), "medium"),
        (Signals(language="cobol", target_language="java", n_code_lines=1_200), "high"),
        (Signals(language="python", n_earlier_failures=2, tool_depth=9), "high"),
    ],
)
def test_difficulty_is_unknown_without_code(seen: Signals, difficulty: str | None) -> None:
    assert difficulty == seen.difficulty


def test_rule_may_look_at_language_difficulty_and_files() -> None:
    facts = features(Request("pool", ({"role": "user", "content": "Port a.cbl, b.cbl and c.cbl to Java"},)))
    held = [When(language="cobol"), When(language="java"), When(difficulty="medium"), When(min_files=3)]
    missed = [When(language="python"), When(difficulty="low"), When(min_files=4)]
    rules = [Rule(str(i), when) for i, when in enumerate([*held, *missed])]
    assert ("0", "1", "2", "3") == tuple(rule.name for rule in matching(rules, facts).rules)


HOSTILE = ("\n", " ", "a.", "from ", "```", "convert ", "at x.", "make write ", "@", "'")


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_is_read_in_bounded_time(unit: str) -> None:
    """400,000 characters of what regular expressions dread: not more than some hundred times what a normal prompt takes."""
    text = unit * (400_000 // len(unit))
    started = time.thread_time()
    read_signals(({"role": "user", "content": text},))
    guess_kind(text)
    assert time.thread_time() - started < 0.2


contents = (
    st.none() | st.text(max_size=200) | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=40)}), max_size=2)
)
messages = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": contents})


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, max_size=6))
def test_any_conversation_has_signals_that_survive_storage(conversation: list[dict[str, object]]) -> None:
    seen = read_signals(conversation)  # type: ignore[arg-type]  # hypothesis does not know our JSON type
    assert seen == Signals.from_dict(json.loads(json.dumps(seen.to_dict())))
