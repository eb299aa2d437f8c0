import asyncio
import inspect

from checklib import *

import loader

for name in ("load_profile", "load_many"):
    function = getattr(loader, name)
    assert inspect.iscoroutinefunction(function), name
    assert "callback" not in inspect.signature(function).parameters
assert not {"Thread", "run_until_complete", "get_event_loop"} & names("loader.py")


class Store:
    def __init__(self, data, steps=3):
        self.data, self.steps, self.live, self.peak, self.log = data, steps, 0, 0, []

    async def get(self, key):
        self.log.append(key)
        self.live += 1
        self.peak = max(self.peak, self.live)
        try:
            for _ in range(self.steps):
                await asyncio.sleep(0)
            value = self.data[key]
            if isinstance(value, BaseException):
                raise value
            return value
        finally:
            self.live -= 1


data = {"user:1": {"name": "Ann"}, "avatar:1": "a.png", "settings:1": {"x": 1}, "user:2": {"name": "Bob"}}
store = Store(data)
same(asyncio.run(loader.load_profile(store, 1)), {"id": 1, "name": "Ann", "avatar": "a.png", "settings": {"x": 1}})
assert store.log[0] == "user:1" and sorted(store.log[1:]) == ["avatar:1", "settings:1"] and store.peak == 2, (store.log, store.peak)
one = asyncio.run(loader.load_profile(Store(data), 2))
same(one, {"id": 2, "name": "Bob", "avatar": None, "settings": {}})
two = asyncio.run(loader.load_profile(Store(data), 2))
assert one["settings"] is not two["settings"], "shared default"
same(str(error(loader.LoadError, lambda: asyncio.run(loader.load_profile(Store(data), 9)))), "no user 9")
broken = OSError("disk")
for key in ("user:1", "avatar:1", "settings:1"):
    assert error(OSError, lambda: asyncio.run(loader.load_profile(Store({**data, key: broken}), 1))) is broken
many = {f"user:{i}": {"name": str(i)} for i in range(12)}
store = Store(many)
got = asyncio.run(loader.load_many(store, [*range(12), 99, 3], limit=2))
same([p and p["id"] for p in got], [*range(12), None, 3])
assert 2 <= store.peak <= 4, store.peak
assert store.log.count("user:3") == 2
same(asyncio.run(loader.load_many(Store({}), [])), [])
same(asyncio.run(loader.load_many(Store(many), iter([5]))), [{"id": 5, "name": "5", "avatar": None, "settings": {}}])
assert error(OSError, lambda: asyncio.run(loader.load_many(Store({**many, "user:4": broken}), range(8)))) is broken
wide = Store(many)
asyncio.run(loader.load_many(wide, range(12)))
assert 3 <= wide.peak <= 6, wide.peak
