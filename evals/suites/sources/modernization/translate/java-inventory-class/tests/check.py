from checklib import *
from inventory import Inventory

i = Inventory()
same([str(i), len(i), i.best_seller(), list(i.low_stock())], ["empty", 0, None, []])
assert i.add("b", 3).add("a", 10) is i
i.add("b", 1).add("B", 2).add("c", 4)
same(str(i), "{B=2, a=10, b=4, c=4}")
same(list(i.low_stock()), ["B", "c", "b"])
same(list(Inventory(4).add("x", 4).add("y", 3).low_stock()), ["y"])
same([i.remove("a", 11), i.remove("a", 10), len(i), i.best_seller()], [False, True, 3, "a"])
same(error(KeyError, i.remove, "a", 1).args, ("no a",))
same([i.remove("b", 4), i.add("b", 20) is i, i.remove("b", 6), i.best_seller()], [True, True, True, "a"])
same([i.remove("b", 1), i.best_seller()], [True, "b"])
for n in (0, -2):
    same(str(error(ValueError, i.add, "q", n)), f"n must be positive: {n}")
same(str(i), "{B=2, b=13, c=4}")
big = Inventory(0).add("k", 1000)
same([big.remove("k", 1000), str(big), len(big)], [True, "empty", 0])
same(i.remove("c", 0), True)
same(str(i), "{B=2, b=13, c=4}")
j = Inventory()
same([str(j), len(j)], ["empty", 0])
j.add("y", 5).add("x", 5)
same([j.remove("y", 2), j.remove("x", 2), j.best_seller()], [True, True, "y"])
