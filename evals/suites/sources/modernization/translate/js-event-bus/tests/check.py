from checklib import *
from bus import Bus

log = []


def make(tag):
    return lambda *args: log.append((tag, *args))


def emitted(bus, *args):
    del log[:]
    return bus.emit(*args), *log


a, b = make("a"), make("b")
bus = Bus()
same(emitted(bus, "x", 1), (0,))
bus.on("x", a)
bus.on("x", b)
bus.on("x", a)
same(bus.listener_count("x"), 3)
same(emitted(bus, "x", 1, None), (3, ("a", 1, None), ("b", 1, None), ("a", 1, None)))
same([bus.off("x", a), bus.listener_count("x"), bus.off("y", a), bus.off("x", make("z"))], [True, 2, False, False])
same(emitted(bus, "x"), (2, ("a",), ("b",)))
stop = bus.on("x", a)
stop()
stop()
same(bus.listener_count("x"), 2)
bus.on("*", make("all"))
bus.on("user:*", make("group"))
bus.on("user:login", make("login"))
same(emitted(bus, "user:login", 7), (3, ("login", 7), ("group", 7), ("all", 7)))
same(emitted(bus, "user:login:late"), (2, ("group",), ("all",)))
same(emitted(bus, "user"), (1, ("all",)))
same(emitted(bus, "user:*"), (3, ("group",), ("group",), ("all",)))
same(emitted(bus, "*"), (2, ("all",), ("all",)))

bus = Bus()
c = make("c")
bus.once("x", c)
same([emitted(bus, "x", 5), emitted(bus, "x", 6), bus.listener_count("x")], [(1, ("c", 5)), (0,), 0])
bus.once("x", c)
same([bus.off("x", c), emitted(bus, "x")], [True, (0,)])
stop = bus.once("x", c)
stop()
same(bus.listener_count("x"), 0)

boom = ValueError("boom")


def fail(*_):
    raise boom


bus.on("x", fail)
bus.on("x", a)
same(emitted(bus, "x"), (1, ("a",)))
assert bus.errors[0] is boom and len(bus.errors) == 1
bus.once("y", fail)
same([bus.emit("y"), bus.emit("y"), len(bus.errors)], [0, 0, 2])

# Added while emitting: not called this time. Removed while emitting: still called this time.
bus = Bus()
bus.on("x", lambda: bus.on("x", a))
same([emitted(bus, "x"), bus.listener_count("x"), emitted(bus, "x")], [(1,), 2, (2, ("a",))])
bus = Bus()
bus.on("x", lambda: bus.off("x", b))
bus.on("x", b)
bus.on("x", c)
same([emitted(bus, "x"), emitted(bus, "x")], [(3, ("b",), ("c",)), (2, ("c",))])
# Added to a later key while emitting: called, because that list is read later.
bus = Bus()
bus.on("x", lambda: bus.on("*", a))
same(emitted(bus, "x"), (2, ("a",)))
# once: registered twice, called again by a nested emit of itself
bus = Bus()
bus.once("x", lambda: bus.emit("x"))
same(bus.emit("x"), 1)
same(Bus().errors, [])
