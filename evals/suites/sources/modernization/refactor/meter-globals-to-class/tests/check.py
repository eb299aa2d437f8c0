from checklib import *

module = tree("meter.py")
assert not walk("meter.py", ast.Global, ast.Nonlocal), "global state"
assert not [n for n in module.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))], "the old functions are still there"
for node in module.body:
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        assert not isinstance(node.value, (ast.List, ast.Dict, ast.Set, ast.Call, ast.ListComp)), "module-level state"
from meter import Meter

for node in classes("meter.py")["Meter"].body:
    value = getattr(node, "value", None)
    is_slots = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__"
    assert is_slots or not isinstance(value, (ast.List, ast.Dict, ast.Set)), "state shared by all meters"
a, b = Meter(), Meter(limit=10)
same([a.rate(), a.alarm(), list(a.history())], [0.0, False, []])
same([a.feed(5), a.feed(105), a.feed(206)], [True, True, False])
same(list(a.history()), [5, 100, 101])
same(list(b.history()), [])
same([b.feed(11), b.alarm(), b.feed(11), b.feed(30), b.alarm()], [False, False, True, False, True])
same(a.alarm(), False)
same(a.rate(), 206 / 3)
same([a.feed(3), a.feed(4), list(a.history())], [True, True, [100, 101, 3, 1]])
a.history().append(7) if isinstance(a.history(), list) else None
same(list(a.history()), [100, 101, 3, 1])
assert raises(ValueError, a.feed, -1)
same(list(a.history()), [100, 101, 3, 1])
b.reset()
same([b.rate(), b.alarm(), list(b.history()), b.feed(9), b.feed(10), list(b.history())], [0.0, False, [], True, True, [9, 1]])
same([b.feed(21), b.alarm()], [False, False])
same(a.feed(200), False)
same(a.alarm(), True)
c = Meter(0)
same([c.feed(0), c.feed(0), c.feed(1)], [True, True, False])
same(Meter(5).feed(5), True)
