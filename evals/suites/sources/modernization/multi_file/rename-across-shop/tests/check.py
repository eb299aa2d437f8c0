import inspect
from pathlib import Path

from checklib import *

import shop
from shop import basket, listing, model, stock

for path in map(str, Path("shop").glob("*.py")):
    assert "Article" not in names(path) | set(classes(path)), f"{path}: Article"
    attributes = {n.attr for n in walk(path, ast.Attribute)}
    assert "no" not in attributes, f"{path}: .no"
    keywords = {n.arg for n in walk(path, ast.keyword)}
    assert "cnt" not in keywords, f"{path}: cnt="
assert not hasattr(stock, "get") and not hasattr(shop, "get") and not hasattr(model, "Article") and not hasattr(shop, "Article")
same(sorted(shop.__all__), ["Product", "find", "take"])
same(list(inspect.signature(stock.take).parameters)[1], "quantity")
p = shop.Product("b1", "Tea", 250, 7)
same([p.sku, repr(p), p.export()], ["b1", "Product('b1')", {"no": "b1", "title": "Tea", "cents": 250}])
assert not hasattr(p, "no")
stock.put(p)
stock.put(model.Product("a2", "Cup", 999, left=1))
assert stock.find("b1") is p and shop.find("zz", 5) == 5
same(stock.take("b1", quantity=2), 500)
same(stock.take("b1"), 250)
same(str(error(ValueError, stock.take, "a2", 2)), "article a2: only 1 left")
same(error(KeyError, stock.take, "q").args, ("unknown article q",))
b = basket.Basket()
b.add("b1", 2)
b.add("a2")
b.add("b1")
same([b.total(), b.buy(), b.lines, p.left], [1749, 1749, {}, 1])
assert raises(KeyError, b.add, "zz")
same(listing.listing([p, "x", stock.find("a2")]), ["a2 Cup (0)", "b1 Tea (1)"])
same(listing.export_all(["a2", "zz"]), [{"no": "a2", "title": "Cup", "cents": 999}])
assert raises(TypeError, stock.put, "x")
stock.clear()
assert stock.find("b1") is None
