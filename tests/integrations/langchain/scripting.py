"""A `ChatRouter` over one target that gives scripted replies, and the ways to call it."""

from __future__ import annotations

from typing import Any

from langchain_routerkit import ChatRouter
from routerkit.testing import ScriptedProvider, make_reply, make_router


def scripted(*script: Any, **options: Any) -> tuple[ChatRouter, ScriptedProvider]:
    provider = ScriptedProvider(script or [make_reply("a good answer")])
    return ChatRouter(router=make_router({"a": provider}), **options), provider


def run(model: Any, way: str, *args: Any, **kwargs: Any) -> None:
    if way == "invoke":
        model.invoke(*args, **kwargs)
    else:
        list(model.stream(*args, **kwargs))


async def arun(model: Any, way: str, *args: Any, **kwargs: Any) -> None:
    if way == "ainvoke":
        await model.ainvoke(*args, **kwargs)
    else:
        async for _ in model.astream(*args, **kwargs):
            pass
