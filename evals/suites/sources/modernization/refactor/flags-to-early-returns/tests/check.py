from checklib import *

for function in functions("access.py").values():
    assert depth(function) <= 2, f"{function.name} is nested too deep"
    for node in ast.walk(function):
        if isinstance(node, ast.If) and node.orelse:
            assert not isinstance(node.body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break)), "else after a jump"
        if isinstance(node, ast.Assign):
            assert not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool)), "flag variable"
import access as a

p = {"active": True, "doors": ["A", "B"]}
night = {**p, "night": 1}
every = {"active": 1, "doors": ["*"]}
same([a.may_enter(p, "A", h) for h in (5, 6, 21, 22)], [False, True, True, False])
same([a.may_enter(night, "B", h) for h in (0, 23)], [True, True])
same([a.may_enter(every, "Z", h) for h in (0, 12)], [True, True])
same([a.may_enter({**every, "doors": ["*", "A"]}, d, 3) for d in ("A", "B", "*")], [False, True, False])
same([a.may_enter(x, "A", 12) for x in (None, {}, {"doors": ["A"]}, {"active": True}, {**p, "active": False}, {**every, "active": 0})], [False] * 6)
same(a.may_enter(night, "C", 12), False)
people = [{"n": 1}, {"n": 2, "badges": [{"no": 5, "lost": True}, {"no": 6}]}, {"n": 3, "badges": [{"no": 5}]}, {"n": 4, "badges": [{"no": 5}]}]
assert a.find_badge(people, 5) is people[2] and a.find_badge(people, 6) is people[1]
same(str(error(LookupError, a.find_badge, people, 9)), "badge 9")
same(str(error(LookupError, a.find_badge, [], "x")), "badge x")
assert type(error(LookupError, a.find_badge, [], 1)) is LookupError
lockers = {9: {"owner": None, "size": 3}, 2: {"owner": "x", "size": 9}, 4: {"owner": None, "size": 1}, 7: {"owner": None, "size": 5}}
same([a.first_free(lockers, s) for s in (1, 2, 4, 6)], [4, 7, 7, -1])
same(a.first_free({}, 1), -1)
same(a.first_free({0: {"owner": None, "size": 1}}, 1), 0)
same(a.first_free({0: {"owner": "", "size": 1}}, 1), -1)
