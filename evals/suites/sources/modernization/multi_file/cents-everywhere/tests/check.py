from pathlib import Path

from checklib import *

for path in map(str, Path("billing").glob("*.py")):
    assert "float" not in names(path), f"{path}: float"
    assert not [c for c in walk(path, ast.Constant) if isinstance(c.value, float)], f"{path}: float constant"
    divisions = [n for n in walk(path, ast.BinOp, ast.AugAssign) if isinstance(n.op, ast.Div)]
    assert not divisions or {"Decimal", "Fraction"} & names(path), f"{path}: / makes a float"
    assert "price" not in {n.attr for n in walk(path, ast.Attribute)}, f"{path}: .price"
from billing.calc import discount, split, totals
from billing.model import Line
from billing.reader import read
from billing.writer import invoice, money

got = read("Tea; 3; 12.50\n\nPen;1;0.1;7\n Desk ;2;3;0\nBig;1;90071992547409.93\nRefund;1;-0.05")
same([(x.title, x.qty, x.price_cents, x.vat_percent) for x in got],
     [("Tea", 3, 1250, 20), ("Pen", 1, 10, 7), ("Desk", 2, 300, 0), ("Big", 1, 9007199254740993, 20), ("Refund", 1, -5, 20)])
for wrong in ("a;1;1.005", "a;1;1.2.3", "a;1;x", "a;1;", "a;1.5;1"):
    assert raises(ValueError, read, wrong), wrong
same([Line("a", 3, 333).net(), Line("a", 3, price_cents=333, vat_percent=7).vat()], [999, 70])
same([Line("a", 1, cents, vat).vat() for cents, vat in ((10, 5), (29, 5), (30, 5), (50, 19), (1, 50), (0, 20))], [1, 1, 2, 10, 1, 0])
same(totals([Line("a", 1, 10, 5)] * 3), {"net": 30, "vat": 3, "gross": 33})
same(totals([]), {"net": 0, "vat": 0, "gross": 0})
same([discount(999, 10), discount(1, 99), discount(1000, 0), discount(200, 50)], [99, 0, 0, 100])
same([split(100, 3), split(101, 3), split(0, 2), split(5, 1), split(2, 4)], [[34, 33, 33], [34, 34, 33], [0, 0], [5], [1, 1, 0, 0]])
same(split(9007199254740993, 2), [4503599627370497, 4503599627370496])
same([money(c) for c in (1250, 5, 0, -5, -1250, -100, 9007199254740993)], ["12.50", "0.05", "0.00", "-0.05", "-12.50", "-1.00", "90071992547409.93"])
same(invoice(read("Tea;3;12.50;20"), percent_off=3), ["Tea: 3 x 12.50", "gross 45.00", "discount -1.35", "to pay 43.65"])
same(invoice(read("Pen;1;0.10;5")), ["Pen: 1 x 0.10", "gross 0.11", "to pay 0.11"])
same(invoice([Line("x", 1, 1, 0)], 50), ["x: 1 x 0.01", "gross 0.01", "to pay 0.01"])
