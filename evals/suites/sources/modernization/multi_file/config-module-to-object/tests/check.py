import dataclasses
from pathlib import Path

from checklib import *

for path in map(str, Path("spider").glob("*.py")):
    assert "SETTINGS" not in names(path), f"{path}: SETTINGS"
    assert not walk(path, ast.Global), f"{path}: global"
    for node in tree(path).body:
        value = getattr(node, "value", None)
        assert not (isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, ast.Call) and "Config" in ast.unparse(value.func)), f"{path}: a global configuration"
from spider import config, filters, main, report
from spider.config import Config
from spider.crawler import Crawler
from spider.fetch import Fetcher

same([(f.name) for f in dataclasses.fields(Config)], ["agent", "depth", "hosts", "delay_s"])
same(dataclasses.astuple(Config()), ("bot", 2, (), 0.5))
assert raises(dataclasses.FrozenInstanceError, setattr, Config(), "depth", 3)
got = config.load("agent = x y # note\nhosts= a.b , ,c\n\ndepth=1\ndelay_s = 2")
same(dataclasses.astuple(got), ("x y", 1, ("a.b", "c"), 2.0))
same(config.load(""), Config())
assert raises(ValueError, config.load, "dept = 3") and raises(ValueError, config.load, "depth = x")
same([filters.allowed(got, u) for u in ("http://a.b/x", "http://b/", "c")], [True, False, True])
same(filters.allowed(Config(), "http://any"), True)
same(report.summary(Config(agent="q", depth=7), {"a": 3, "b": 1}), "q: 2 pages, deepest 3 of 7")
same(report.summary(Config(), {}), "bot: 0 pages, deepest 0 of 2")

web = {"http://a/": ["http://a/1", "http://b/"], "http://a/1": ["http://a/2", "http://a/"], "http://a/2": ["http://a/3"], "http://b/": []}
seen = []


def wire(url, headers):
    seen.append((url, headers))
    return web.get(url, [])


import inspect

parameters = list(inspect.signature(Fetcher).parameters)
assert parameters[0] == "config", parameters
one = Crawler(Config(depth=0), Fetcher(Config(), wire))
two = Crawler(Config(hosts=("a",), depth=9), Fetcher(Config(agent="z", delay_s=1), wire))
one.crawl("http://a/")
two.crawl("http://a/")
same(one.pages, {"http://a/": 0})
same(two.pages, {"http://a/": 0, "http://a/1": 1, "http://a/2": 2, "http://a/3": 3})
same([h["User-Agent"] for _, h in seen], ["bot"] + ["z"] * 4)
same(main.crawl("agent = m\ndepth = 1\ndelay_s = 0.25", wire, "http://a/"), ("m: 3 pages, deepest 1 of 1", 0.75))
same(main.crawl("", wire, "http://a/"), ("bot: 4 pages, deepest 2 of 2", 2.0))
