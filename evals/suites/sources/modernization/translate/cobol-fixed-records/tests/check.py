from decimal import Decimal as D

from checklib import *
from payroll import parse, pay, totals


def line(number, name, kind, hours, wage):
    text = f"{number:05d}{name:<12}{kind}{hours:04d}{wage}"
    assert len(text) == 30
    return text


ann = line(7, "ANN  LEE", "H", 405, "0000123D")
got = parse(ann)
same(got, {"number": 7, "name": "ANN  LEE", "kind": "H", "hours": D("40.5"), "wage": D("12.34")})
same((str(got["hours"]), str(got["wage"])), ("40.5", "12.34"))
for wage, value in (("0000123{", "12.30"), ("0000123}", "-12.30"), ("0000000J", "-0.01"), ("0000000I", "0.09"), ("99999999", "999999.99"), ("0000123R", "-12.39"), ("0000005A", "0.51")):
    same(str(parse(line(1, "X", "S", 0, wage))["wage"]), value)
same(parse(line(1, " B", "S", 9999, "00000000"))["name"], " B")
for wrong in (ann[:-1], ann + " ", ""):
    assert raises(ValueError, parse, wrong)


def paid(*fields):
    result = pay(parse(line(1, "X", *fields)))
    assert isinstance(result, D)
    return str(result)


same(pay(got), D("12.34") * 40 + D("9.25"))  # 12.34 * 0.5 * 1.5 = 9.255, cut off
same(paid("H", 400, "0000123D"), "493.60")
same(paid("H", 15, "0000101A"), "15.16")  # 10.11 * 1.5 = 15.165
same(paid("H", 500, "0000100{"), "550.00")
same(paid("H", 401, "0000111A"), "446.06")  # 444.40 + 1.6665
same(paid("S", 0, "0010000{"), "83.33")
same(paid("S", 0, "0000100}"), "-0.83")
same(paid("H", 15, "0000101J"), "-15.16")
same(paid("X", 300, "0001234N"), "-123.45")
same(totals([ann, "* comment", line(2, "B", "S", 0, "0012000{"), line(3, "C", "H", 10, "0000100{"), line(4, "*D", "S", 0, "0000012A")]),
     {"H": D("512.85"), "S": D("100.10")})
same(list(totals([line(1, "a", "S", 0, "00000000"), line(2, "b", "H", 0, "00000000")])), ["S", "H"])
same(totals([]), {})
