from decimal import Decimal as D

from checklib import *
from interest import interest


def check(balance, rate, days, amount, new, band):
    got = interest(balance, rate, days)
    same(tuple(map(str, got)), (amount, new, band))
    assert isinstance(got[0], D) and isinstance(got[1], D)


check("10000.00", "3.650", "30", "30.00", "10030.00", "NORMAL")
check("1000", "1", "1", "0.03", "1000.03", "NORMAL")
check(D("999.97"), D("1"), D("1"), "0.03", "1000.00", "SMALL")
# 123.45 * 7.125 / 36500 = 0.02409..., cut off to 0.0240, times 365 = 8.76 (8.79 without cutting off)
check("123.45", "7.125", "365", "8.76", "132.21", "SMALL")
# half away from zero: 0.0050 and -0.0050
check("18.25", "10", "1", "0.01", "18.26", "SMALL")
check("-18.25", "10", "1", "-0.01", "-18.26", "DEBT")
check("-123.45", "7.125", "365", "-8.76", "-132.21", "DEBT")
check("50000", "9.999", "300", "4109.16", "54109.16", "TAXABL")
check("0", "5", "10", "0.00", "0.00", "SMALL")
check("1000000.00", "0.365", "9", "90.00", "1000090.00", "NORMAL")
check("36500.00", "1", "100", "100.00", "36600.00", "TAXABL")
check("36500.00", "9.9999", "1", "10.00", "36510.00", "NORMAL")
check("36500.00", "9.9949", "1", "9.99", "36509.99", "NORMAL")
check("100.009", "0", "1", "0.00", "100.00", "SMALL")
check("12345678.50", "0", "1", "0.00", "2345678.50", "NORMAL")
check("36500", "1", "1002", "2.00", "36502.00", "NORMAL")
assert raises(OverflowError, interest, "9999999.99", "1", "1")
assert raises(OverflowError, interest, "9000000", "99", "999")
