"""A chat request becomes a text that a base model continues."""

from __future__ import annotations

import pytest

from routerkit.messages import Reply, Request, text_of
from routerkit.providers.local_prompt import base_prompt
from routerkit.testing import ScriptedProvider, make_reply, make_router
from tests.contracts.provider import ask

CODE = 'def square(n: int) -> int:\n    """Return n squared."""\n'


def test_code_is_continued_after_solved_examples() -> None:
    prompt = base_prompt(ask(f"Complete it.\n```python\n{CODE}```\nThanks."))
    text = text_of(prompt.request.messages[0].get("content"))
    assert text.endswith(f"\n\n\n{CODE}")
    assert 2 == text.removesuffix(CODE).count("def ")


def test_answer_is_the_callers_code_with_its_continuation() -> None:
    prompt = base_prompt(ask(f"```python\n{CODE}```"))
    assert f"```python\n{CODE}    return n * n\n```" == prompt.before + "return n * n" + prompt.after


@pytest.mark.parametrize(
    ("code", "indent"),
    [("def f():", 4), ("class A:\n    def f(self):\n", 8), ('class A:\n    def f(self):\n        """Do."""\n\n', 8), ("if x:\n", 4)],
)
def test_continuation_is_indented_like_the_body_it_belongs_to(code: str, indent: int) -> None:
    before = base_prompt(ask(f"```python\n{code}```")).before
    assert indent == len(before) - len(before.rstrip(" "))


def test_last_block_counts() -> None:
    assert "def b" in base_prompt(ask("```python\ndef a():\n```\n```py\ndef b():\n```")).before


def test_function_ends_where_the_next_one_starts() -> None:
    request = base_prompt(ask(f"```python\n{CODE}```", stop=("END",))).request
    assert "END" == request.stop[0]
    assert "\ndef " in request.stop


@pytest.mark.parametrize("code", ["def f():\n    return 1\n", "x = 1\n", ""])
def test_whole_code_is_changed_and_not_continued(code: str) -> None:
    prompt = base_prompt(ask(f"Rename f to g. Answer with one code block.\n```python\n{code}```"))
    text = text_of(prompt.request.messages[0].get("content"))
    assert text.endswith(f"```python\n{code}```\nAnswer:\n```\n")
    assert ("```python\n", "\n```") == (prompt.before, prompt.after)


def test_question_about_whole_code_is_a_question() -> None:
    prompt = base_prompt(ask("What does this do?\n```python\nx = 1\n```"))
    assert text_of(prompt.request.messages[0].get("content")).endswith("x = 1\n```\nAnswer:")
    assert ("", "") == (prompt.before, prompt.after)


def test_request_with_tools_goes_to_another_target() -> None:
    class Base(ScriptedProvider):
        def complete(self, request: Request) -> Reply:
            return super().complete(base_prompt(request).request)

    router = make_router({"base": Base([make_reply("prose")]), "chat": ScriptedProvider([make_reply("called")])})
    assert "called" == router.complete(ask("Hi.", model="pool", tools=({"type": "function", "function": {"name": "f"}},))).text


def test_question_is_put_after_answered_ones() -> None:
    prompt = base_prompt(ask(" What is the capital of Italy? "))
    assert text_of(prompt.request.messages[0].get("content")).endswith("\n\nQuestion: What is the capital of Italy?\nAnswer:")
    assert ("", "") == (prompt.before, prompt.after)


def test_answer_is_limited_because_base_models_never_stop() -> None:
    assert 256 == base_prompt(ask("Hi.")).request.max_tokens
    assert 9 == base_prompt(ask("Hi.", max_tokens=9)).request.max_tokens
