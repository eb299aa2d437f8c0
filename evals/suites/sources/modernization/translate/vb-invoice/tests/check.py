from decimal import Decimal as D

from checklib import *
from invoice_vb import due_code, line_total, pad_list, split_name


def total(qty, price):
    result = line_total(qty, price)
    assert isinstance(result, D), type(result)
    return str(result)


same([total(2, "1.25"), total(1, "0.005"), total(1, "0.015"), total(1, D("2.345")), total(3, "0.335")], ["2.50", "0.00", "0.02", "2.34", "1.00"])
same([total(12, "10"), total(24, "0.01"), total(0, "5"), total(-12, "10"), total(13, "1")], ["114.00", "0.23", "0.00", "-114.00", "13.00"])
same([total(10, "0.00125"), total(10, "0.00015"), total(100, "0.00035"), total(-1, "0.125")], ["0.01", "0.00", "0.04", "-0.12"])
same([split_name(n) for n in (" Ada Lovelace ", "Lovelace , Ada King", "Plato", "", "a b  c", "Cruz, de", "Maria DE", "Vega,", ",X", "x, y, z")],
     [("Ada", "Lovelace"), ("Ada King", "Lovelace"), ("", "Plato"), ("", ""), ("a b", "c"), ("de", "Cruz"), ("Maria", "De"), ("", "Vega"), ("X", ""), ("y, z", "x")])
same([due_code(d) for d in (0, 1, 6, 7, 8, 9, 14, 15, 21, 28, 45, 46, 75, 105, 365)],
     ["NOW", "D1", "D6", "W1", "D8", "M0", "W2", "M0", "W3", "M1", "M2", "M2", "M2", "M4", "M12"])
same([due_code(d) for d in (-1, -7, -8, -20)], ["L01", "L10", "L11", "L26"])
same(pad_list("ab;Total x;cdef", 3), "ab |TOTAL Xcde|")
same(pad_list("", 3), "")
same(pad_list(";", 2), "  |  |")
same(pad_list("TOTALLY;xtotal", 0), "TOTALLY|")
same(pad_list("a;;b", 1), "a| |b|")
