"""The gateway's memory of its last calls: enough to explain them, and nothing of what was said."""

from __future__ import annotations

import gc
import weakref

from routerkit import Reply, Request
from routerkit.gateway.memory import Memory
from routerkit.testing import ScriptedProvider, make_reply, make_router


class Watched(dict[str, object]):
    """A message whose end can be seen."""


def remembered(memory: Memory, content: str = "explain my secret plan") -> tuple[Reply, weakref.ref[Watched]]:
    """A call that the memory was told of, and its prompt if something still holds it."""
    message = Watched(role="user", content=content)
    router = make_router({"a": ScriptedProvider([make_reply()])}, observers=[memory])
    reply = router.complete(Request("pool", (message,)))  # type: ignore[arg-type]  # a mapping of what JSON can say all the same
    return reply, weakref.ref(message)


def test_prompt_is_not_kept():
    """Two hundred prompts of a megabyte each would be a fifth of a gigabyte."""
    memory = Memory()
    reply, prompt = remembered(memory)
    gc.collect()
    assert prompt() is None
    assert memory.find(reply.record_id)["explain"].startswith("pool=pool kind=explain")


def test_only_the_newest_are_explained_and_more_are_owned():
    memory = Memory(size=2, n_owners=3)
    ids = [remembered(memory)[0].record_id for _ in range(4)]
    assert [False, False, True, True] == [memory.find(i) is not None for i in ids]
    assert [False, True, True, True] == [memory.is_of_another(i, "another key") for i in ids]
