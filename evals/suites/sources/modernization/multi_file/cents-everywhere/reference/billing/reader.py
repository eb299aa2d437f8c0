import re

from billing.model import Line

_AMOUNT = re.compile(r"(-?)(\d+)(?:\.(\d{0,2}))?")


def read(text):
    """Lines `title;qty;price[;vat]`."""
    out = []
    for row in text.splitlines():
        if row.strip():
            title, qty, price, *vat = [f.strip() for f in row.split(";")]
            out.append(Line(title, int(qty), cents(price), *map(int, vat)))
    return out


def cents(text):
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an amount: {text!r}")
    sign, whole, part = match.groups()
    value = int(whole) * 100 + int(((part or "") + "00")[:2])
    return -value if sign else value
