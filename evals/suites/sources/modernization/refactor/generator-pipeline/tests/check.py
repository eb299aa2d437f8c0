import itertools

from checklib import *

import pipeline as p


class Source:
    """Endless when asked; counts what was taken."""

    def __init__(self, items):
        self.items, self.taken = iter(items), 0

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        self.taken += 1
        return item


def first(n, iterator):
    assert iter(iterator) is iter(iterator), "not an iterator"
    return list(itertools.islice(iterator, n))


endless = lambda: Source(f"k{i % 3} {i}\n" for i in itertools.count())
s = endless()
same(first(2, p.numbered(s, start=5)), [(5, "k0 0"), (6, "k1 1")])
same(s.taken, 2)
s = Source(itertools.chain(["a\\\n", "b\\\n", "c\n"], itertools.repeat("z\n")))
same(first(2, p.records(s)), [(1, "abc"), (4, "z")])
same(s.taken, 4)
s = endless()
same(first(3, p.clean(p.records(s))), [("k0", 0), ("k1", 1), ("k2", 2)])
same(s.taken, 3)
s = endless()
got = p.batches(s, 4)
same(s.taken, 0)
batch = first(1, got)
same([list(b) for b in batch], [["k0 0\n", "k1 1\n", "k2 2\n", "k0 3\n"]])
same(s.taken, 4)
s = Source((k, 1) for k in itertools.cycle("ab"))
same(first(4, p.running_totals(s)), [("a", 1), ("b", 1), ("a", 2), ("b", 2)])
same(s.taken, 4)
s = Source([("b", 1), ("a", 2), ("b", 3)])
got = p.totals(s)
same(got, {"a": 2, "b": 4})
same(list(got), ["a", "b"])
same(p.totals([]), {})

same(list(p.numbered(["x\n", "y"])), [(1, "x"), (2, "y")])
same(list(p.records([])), [])
same(list(p.records(["a\\", "b", "", "c\\\n", ""])), [(1, "ab"), (3, ""), (4, "c")])
same(str(error(ValueError, list, p.records(["x", "a\\", "b\\"]))), "line 2: record does not end")
got = p.records(["ok", "a\\"])
same(next(got), (1, "ok"))
assert raises(ValueError, next, got)
same(list(p.clean([(1, " "), (2, " # x y z"), (3, "a 5"), (4, "")])), [("a", 5)])
got = p.clean(iter([(1, "a 1"), (2, "b")]))
same(next(got), ("a", 1))
same(str(error(ValueError, next, got)), "line 2: 1 words")
same([list(b) for b in p.batches(range(5), 2)], [[0, 1], [2, 3], [4]])
same([list(b) for b in p.batches(range(4), 2)], [[0, 1], [2, 3]])
same(list(p.batches([], 3)), [])
assert raises(ValueError, lambda: list(p.batches([1], 0)))
same(list(p.running_totals([("a", 1), ("a", -1)])), [("a", 1), ("a", 0)])
