"""What a model is told: the task, its files, and the form its answer must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routerkit_evals.patch import AnswerFormat
from routerkit_evals.task import Task

_ONE_WHOLE: Final = "Answer with the complete new contents of {paths} in one fenced code block. No explanation."
_RULES: Final[Mapping[AnswerFormat, str]] = {
    "whole": (
        "Answer with the complete new contents of every file you change or add ({paths}), each in its own fenced code block, "
        "with the path alone on the line before the block. No explanation."
    ),
    "search-replace": (
        "Answer with SEARCH/REPLACE blocks for the files you change or add ({paths}). A block is the path alone on a line, then\n"
        "<<<<<<< SEARCH\nlines as they are in the file, enough of them to occur only once\n=======\nlines that replace them\n"
        ">>>>>>> REPLACE\nLeave the SEARCH part empty for a new file. No explanation."
    ),
    "diff": (
        "Answer with one unified diff of the files you change or add ({paths}) in a fenced code block: --- a/PATH and +++ b/PATH lines, "
        "then @@ hunks with three lines of context. No explanation."
    ),
}
_BACKGROUND: Final = "There are further files, not shown here: {paths}"
_SHOWN: Final = "These tests will be run:"
_PARTLY_SHOWN: Final = "These tests will be run, and others that are not shown:"
_AGAIN: Final = "That does not work yet:\n\n{evidence}\n\n{rule}"


def build_prompt(task: Task, answer_format: AnswerFormat = "whole") -> str:
    """Prompt of a task: what to do, the files as they are, the tests it shows, and the form of the answer."""
    parts = [task.prompt, *_as_blocks({path: text for path, text in task.files.items() if path not in task.background})]
    if task.background:
        parts.append(_BACKGROUND.format(paths=", ".join(task.background)))
    if task.shown_tests:
        is_whole = task.tests.items() <= task.shown_tests.items()
        parts += [_SHOWN if is_whole else _PARTLY_SHOWN, *_as_blocks(task.shown_tests)]
    if task.wants_files:
        parts.append(answer_rule(task, answer_format))
    return "\n\n".join(parts)


def answer_rule(task: Task, answer_format: AnswerFormat) -> str:
    """How to answer, as the model reads it."""
    is_one = only_path(task) is not None
    rule = _ONE_WHOLE if is_one and answer_format == "whole" else _RULES[answer_format]
    return rule.format(paths=", ".join(task.editable))


def retry_prompt(task: Task, answer_format: AnswerFormat, evidence: str) -> str:
    """Second message of two tries: what went wrong, and how to answer. Edits then start from the state after the first answer."""
    return _AGAIN.format(evidence=evidence, rule=answer_rule(task, answer_format))


def only_path(task: Task) -> str | None:
    """The one file an answer may write, if it is one."""
    return task.editable[0] if len(task.editable) == 1 and "*" not in task.editable[0] else None


def _as_blocks(files: Mapping[str, str]) -> list[str]:
    return [f"{path}\n```\n{text.rstrip()}\n```" for path, text in files.items()]
