def header(number, name):
    return f"Invoice {int(number):05d} for {name}"


def line(text, qty, price, vat):
    return f"{text[:12]:<12}|{int(qty):5d}|{price:8.2f}|{int(vat):3d}%"


def total(amount, currency=None):
    return f"Total: {currency or 'EUR'} {amount:.2f}"


def debug(value):
    return f"value={value!r}"


def as_json(key, value):
    return f'{{"{key}": {int(value)}}}'


def color(r, g, b):
    return f"#{r:02X}{g:02x}{b:02x}"


def indent(width, number):
    side = "<" if width < 0 else ">"
    return f"[{int(number):{side}{abs(width)}d}]"


def signed(delta):
    return f"{delta:+.1f} / {int(delta): d}"


def share(part, whole):
    return f"{part / whole:>6.1%} of {whole:,}"


def table(rows):
    out = []
    for n, (name, items) in enumerate(rows, 1):
        parts = ", ".join(f"{item} x{int(count)}" for item, count in items)
        out.append(f"{n}. {name}: {parts}")
    return "\n".join(out)
