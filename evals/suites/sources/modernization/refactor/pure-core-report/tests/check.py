from pathlib import Path

from checklib import *

for name in ("parse", "summarise", "render"):
    used = calls(functions("report.py")[name])
    assert not [c for c in used if c == "open" or c.rpartition(".")[2] in {"open", "read_text", "write_text", "write"}], f"{name} touches files"
assert {"parse", "summarise", "render"} <= calls(functions("report.py")["run"]), "run does not use the parts"
assert n_statements(functions("report.py")["run"]) <= 8
import report as r

text = "; note\n\n sales dept = 12,5\nIT=-0,05\nSALES DEPT=3\na=b=7,999\n"
rows = r.parse(text)
same([tuple(x) for x in rows], [("Sales Dept", 1250), ("It", -5), ("Sales Dept", 300), ("A=B", 799)])
same(r.parse(""), [])
same(str(error(ValueError, r.parse, "x\nok=1\ny=z\n=\n")), "wrong lines: 1, 3, 4")
same([tuple(x) for x in r.parse("=5")], [("", 500)])
before = [tuple(x) for x in rows]
summary = r.summarise(rows)
same(summary, {"A=B": {"n": 1, "sum": 799, "max": 799}, "It": {"n": 1, "sum": -5, "max": -5}, "Sales Dept": {"n": 2, "sum": 1550, "max": 1250}})
same(list(summary), ["A=B", "It", "Sales Dept"])
same([tuple(x) for x in rows], before)
same(r.summarise([]), {})
rendered = r.render(summary, "T 1")
same(rendered, "T 1\n===\nA=B                    1       7.99       7.99\nIt                     1      -0.05      -0.05\nSales Dept             2      15.50      12.50\n")
same(r.render({}, "x"), "x\n=\n(nothing)\n")
Path("in.txt").write_text(text, encoding="utf-8")
same(r.run("in.txt", "out.txt", title="T 1"), 3)
same(Path("out.txt").read_text(encoding="utf-8"), rendered)
Path("bad.txt").write_text("?\n", encoding="utf-8")
assert raises(ValueError, r.run, "bad.txt", "out.txt") and Path("out.txt").read_text(encoding="utf-8") == rendered
assert raises(ValueError, r.run, "bad.txt", "new.txt") and not Path("new.txt").exists()
assert raises(FileNotFoundError, r.run, "none.txt", "new.txt") and not Path("new.txt").exists()
Path("in.txt").write_text("Küche=1", encoding="utf-8")
r.run("in.txt", "out.txt")
assert Path("out.txt").read_text(encoding="utf-8").startswith("Report\n======\nKüche ")
