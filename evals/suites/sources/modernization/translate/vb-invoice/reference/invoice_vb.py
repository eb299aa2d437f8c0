from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

CENT, CURRENCY = Decimal("0.01"), Decimal("0.0001")


def line_total(qty, price):
    amount = qty * Decimal(price).quantize(CURRENCY, ROUND_HALF_EVEN)
    if qty % 12 == 0 and qty != 0:
        amount = (amount - amount / 20).quantize(CURRENCY, ROUND_HALF_EVEN)
    return amount.quantize(CENT, ROUND_HALF_EVEN) + 0


def split_name(full_name):
    full_name = full_name.strip(" ")
    if "," in full_name:
        last, _, first = full_name.partition(",")
        last, first = last.rstrip(" "), first.lstrip(" ")
    else:
        first, _, last = full_name.rpartition(" ")
        first = first.rstrip(" ")
    return first, "De" if last.lower() == "de" else last


def due_code(days):
    if days < 0:
        return f"L{-days // 7}{-days % 7}"
    if days == 0:
        return "NOW"
    if days <= 6 or days == 8:
        return f"D{days}"
    if days in (7, 14, 21):
        return f"W{days // 7}"
    return f"M{round(Fraction(days, 30))}"


def pad_list(text, width):
    if not text:
        return ""
    parts = text.split(";")
    return "".join(p.upper() if p.lower().startswith("total") else f"{p[:width]:<{width}}|" for p in parts)
