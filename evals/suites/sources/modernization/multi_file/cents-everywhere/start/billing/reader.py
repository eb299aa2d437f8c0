from billing.model import Line


def read(text):
    """Lines `title;qty;price[;vat]`."""
    out = []
    for row in text.splitlines():
        if row.strip():
            title, qty, price, *vat = [f.strip() for f in row.split(";")]
            out.append(Line(title, int(qty), float(price), *map(int, vat)))
    return out
