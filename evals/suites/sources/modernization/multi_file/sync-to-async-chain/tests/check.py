import asyncio
import inspect

from checklib import *

from feeds import main
from feeds.cache import Cache
from feeds.client import Client, FeedError
from feeds.collect import collect
from feeds.parse import titles

for function in (Client.fetch, Cache.fetch, collect, main.report):
    assert inspect.iscoroutinefunction(function), function
for function in (titles, Cache.known):
    assert not inspect.iscoroutinefunction(function), function
for path in ("client", "cache", "collect", "main", "parse"):
    assert not {"to_thread", "run_in_executor", "Thread", "ThreadPoolExecutor", "run_until_complete"} & names(f"feeds/{path}.py")
    assert "asyncio.run" not in calls(f"feeds/{path}.py")


class Wire:
    def __init__(self, answers):
        self.answers, self.asked, self.live, self.peak = answers, [], 0, 0

    async def get(self, url):
        self.asked.append(url)
        self.live += 1
        self.peak = max(self.peak, self.live)
        for _ in range(5):
            await asyncio.sleep(0)
        self.live -= 1
        answer = self.answers[url]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


run = asyncio.run
web = {"a": "title: A1\nx\ntitle:A2 ", "b": "", "c": OSError("down"), "d": [OSError("once"), "title: D"]}
wire = Wire(web)
same(run(main.report(wire, ["b", "a", "c", "a", "d"])), "b: \na: A1, A2\nc: failed\na: A1, A2\nd: D")
assert wire.peak >= 4, "not at the same time"
same(sorted(wire.asked), ["a", "b", "c", "c", "d", "d"])
same(run(main.report(Wire({}), [])), "")

exc = error(FeedError, lambda: run(Client(Wire({"c": OSError("down")}), retries=2).fetch("c")))
same(str(exc), "c: down")
assert isinstance(exc.__cause__, OSError)
w = Wire({"c": OSError("x")})
assert raises(FeedError, lambda: run(Client(w, retries=0).fetch("c"))) and w.asked == ["c"]
boom = ValueError("not a network error")
assert error(ValueError, lambda: run(Client(Wire({"q": boom})).fetch("q"))) is boom


async def many():
    w = Wire({"u": "text", "v": [OSError("1"), OSError("2"), "late"]})
    cache = Cache(Client(w))
    same(cache.known(), [])
    same(await asyncio.gather(*(cache.fetch("u") for _ in range(5))), ["text"] * 5)
    same(w.asked, ["u"])
    same([await cache.fetch("u"), cache.known()], ["text", ["u"]])
    failed = await asyncio.gather(*(cache.fetch("v") for _ in range(2)), return_exceptions=True)
    assert all(isinstance(f, FeedError) or f == "late" for f in failed) and isinstance(failed[0], FeedError), failed
    same([await cache.fetch("v"), cache.known()], ["late", ["u", "v"]])
    same(await collect(cache, iter(["v", "u"])), [("v", []), ("u", [])])


run(many())
assert raises(ValueError, lambda: run(collect(Client(Wire({"q": boom})), ["q"])))
