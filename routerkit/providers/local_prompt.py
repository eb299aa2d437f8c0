"""Asking a base model, which cannot chat but continues a text: the chat request becomes the beginning of a text with the answer missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from routerkit.errors import ProviderError
from routerkit.messages import Message, Request, text_of

_CODE: Final = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
_DEFAULT_MAX_TOKENS: Final = 256
"""Base models do not know when to stop."""
_SOLVED_CODE: Final = '''from typing import List


def double(n: int) -> int:
    """Return two times n.
    >>> double(4)
    8
    """
    return n * 2


def first_longer(words: List[str], n: int) -> str:
    """Return the first word longer than n letters, or an empty string.
    >>> first_longer(["a", "tree"], 2)
    'tree'
    """
    for word in words:
        if len(word) > n:
            return word
    return ""


'''
_CODE_ENDS: Final = ("\ndef ", "\nclass ", "\nif __name__", "\nprint(", "\n#", '\n"""', "\nfrom ", "\nimport ", "\n@", "\n```")
"""Where a function is over: at the next thing that starts in the first column."""
_SOLVED_CHANGE: Final = """\
Question: Fix the bug: double must return two times n.
```
def double(n):
    return n + 2
```
Answer:
```
def double(n):
    return n * 2
```

Question: Fix the bug: last must return the last item.
```
def last(items):
    return items[0]
```
Answer:
```
def last(items):
    return items[-1]
```

"""
_CHANGE_ENDS: Final = ("\n```", "\nQuestion:")
_SOLVED_TEXT: Final = "Question: What is the capital of France?\nAnswer: Paris\n\nQuestion: What is 2 plus 3?\nAnswer: 5\n\n"
_TEXT_ENDS: Final = ("\nQuestion:", "\n\n")


@dataclass(frozen=True, slots=True)
class BasePrompt:
    """A request for a base model, and what belongs around its continuation to make an answer of it."""

    request: Request
    """Its only message is the text to be continued."""
    before: str = ""
    """Comes before the continuation, whose leading blanks are dropped."""
    after: str = ""


def base_prompt(request: Request) -> BasePrompt:
    """Turn a chat request into a text to be continued.

    Code that stops after a signature or docstring is continued as code; the answer is then that code, as the caller wrote it, and the
    model's continuation. Whole code is put as a change to be made, if the caller asks for a code block back. Anything else is put as a
    question. Each form comes after two solved examples of its kind.

    Raises:
        ProviderError: `no_candidate` if the request needs tools, so that another target takes it.
    """
    if request.tools:
        raise ProviderError("a local base model cannot call tools; send this request to another target", code="no_candidate")
    asked = text_of(request.messages[-1].get("content")).strip() if request.messages else ""
    blocks = _CODE.findall(asked)
    if blocks and _is_unfinished(blocks[-1]):
        code = blocks[-1].strip("\n") + "\n"
        return BasePrompt(_continued(request, _SOLVED_CODE + code, _CODE_ENDS), before=f"```python\n{code}{_indent(code)}", after="\n```")
    if blocks and "code block" in asked:
        return BasePrompt(
            _continued(request, f"{_SOLVED_CHANGE}Question: {asked}\nAnswer:\n```\n", _CHANGE_ENDS), before="```python\n", after="\n```"
        )
    return BasePrompt(_continued(request, f"{_SOLVED_TEXT}Question: {asked}\nAnswer:", _TEXT_ENDS))


def _is_unfinished(code: str) -> bool:
    """Whether code ends where a function's body should begin."""
    last = code.rstrip()
    return last.endswith((":", '"""', "'''"))


def _continued(request: Request, text: str, ends: tuple[str, ...]) -> Request:
    message: Message = {"role": "user", "content": text}
    return replace(
        request,
        messages=(message,),
        stop=(*request.stop, *ends),
        max_tokens=_DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens,
    )


def _indent(code: str) -> str:
    """Blanks before the next line; llama.cpp drops those that the model writes itself."""
    last = code.rstrip().rsplit("\n", 1)[-1]
    deeper = 4 if last.endswith(":") else 0
    return " " * (len(last) - len(last.lstrip()) + deeper)
