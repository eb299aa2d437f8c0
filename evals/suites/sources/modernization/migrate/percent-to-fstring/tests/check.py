from checklib import *

assert not percent_formats("invoice.py"), "% is still used"
assert not any(c.endswith(".format") or c == "format" or c.endswith("format_map") for c in calls("invoice.py")), "format() is still used"
assert not [n for n in walk("invoice.py", ast.BinOp) if isinstance(n.op, ast.Mod)], "% is still used"
assert not has("Template|__mod__|printf", "invoice.py") and len(walk("invoice.py", ast.JoinedStr)) >= 9
import invoice as i

same(i.header(42, "O'Neil {x} %s"), "Invoice 00042 for O'Neil {x} %s")
same(i.header(-7, None), "Invoice -0007 for None")
same(i.header(3.9, "a"), "Invoice 00003 for a")
same(i.line("Kaffee", 3, 2.5, 7), "Kaffee      |    3|    2.50|  7%")
same(i.line("A very long article", 12.7, 1 / 3, 19.9), "A very long |   12|    0.33| 19%")
same(i.line("neg", -2.5, -0.25, True), "neg         |   -2|   -0.25|  1%")
same(i.total(2), "Total: EUR 2.00")
same(i.total(1e3, "USD"), "Total: USD 1000.00")
same(i.debug((1, "a")), "value=(1, 'a')")
same(i.debug("q{}"), "value='q{}'")
same(i.as_json("k", 3.99), '{"k": 3}')
same(i.as_json("k", -3.99), '{"k": -3}')
same(i.color(255, 171, 9), "#FFab09")
same(i.indent(6, 42), "[    42]")
same(i.indent(1, -12345), "[-12345]")
same(i.indent(-6, 42), "[42    ]")
same(i.signed(2.75), "+2.8 /  2")
same(i.signed(-2.75), "-2.8 / -2")
same(i.share(1, 3000), "  0.0% of 3,000")
same(i.share(1, 2), " 50.0% of 2")
same(i.table([("a", [("x", 1), ("y", 2.9)]), ("b", [])]), "1. a: x x1, y x2\n2. b: ")
