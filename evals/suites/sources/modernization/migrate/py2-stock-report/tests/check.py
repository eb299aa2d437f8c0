import io

from checklib import *

assert not {"six", "__future__", "version_info", "cmp", "unicode", "long"} & names("stock.py")
import stock

raw = "# code;name;qty;cents\nA1; Käse ;7;250\n\nB2;apfel;0;99\nC3;Brot;3;333\n".encode("latin-1")
items = stock.read_stock(raw)
same([(i.code, i.name, i.qty, i.cents) for i in items], [("A1", "Käse", 7, 250), ("B2", "apfel", 0, 99), ("C3", "Brot", 3, 333)])
same([bool(i) for i in items], [True, False, True])
same(stock.boxes(items, 4), {"A1": 2, "B2": 0, "C3": 1})
same(stock.average_cents(items), 291)
same(stock.average_cents([]), 0)
same(stock.average_cents(items[1:2]), 0)
same(stock.average_cents([stock.Item("a", "a", 1, -3), stock.Item("b", "b", 1, 0)]), -2)
same(stock.rank(items), ["A1", "C3", "B2"])
twins = [stock.Item("z", "b", 1, 5), stock.Item("y", "B", 1, 5), stock.Item("x", "A", 5, 1)]
same(stock.rank(twins), ["x", "y", "z"])
keys, values = stock.merge({"b": 1, "a": 2}, {"b": 5, "c": 0})
assert list(keys) == ["a", "b", "c"] and values == [2, 6, 0] and keys[0] == "a", (keys, values)
same(stock.boxes([stock.Item("big", "n", 10**17 + 1, 1)], 1)["big"], 10**17 + 1)
out = io.StringIO()
stock.report(items, out)
same(out.getvalue(), "B2 apfel (0)\nC3 Brot (3)\nA1 Käse (7)\n3 items, average 291\n")
assert str(error(stock.StockError, stock.read_stock, b"A;b;1\n")) == "line 1: 3 fields"
assert str(error(stock.StockError, stock.read_stock, b"\nA;b;x;1\n")) == "line 2: A"
assert issubclass(stock.StockError, Exception)
same([i.name for i in stock.read_stock(b"a;\xa0x\xff;1;1")], ["xÿ"])
