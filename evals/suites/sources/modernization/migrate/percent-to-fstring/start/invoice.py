HEADER = "Invoice %(number)05d for %(name)s"
LINE = "%-12s|%5d|%8.2f|%3d%%"


def header(number, name):
    return HEADER % {"number": number, "name": name}


def line(text, qty, price, vat):
    return LINE % (text[:12], qty, price, vat)


def total(amount, currency=None):
    return "Total: %s %.2f" % (currency or "EUR", amount)


def debug(value):
    return "value=%r" % (value,)


def as_json(key, value):
    return "{\"%s\": %d}" % (key, value)


def color(r, g, b):
    return "#%02X%02x%02x" % (r, g, b)


def indent(width, number):
    return "[%*d]" % (width, number)


def signed(delta):
    return "%+.1f / % d" % (delta, delta)


def share(part, whole):
    return "{0:>6.1%} of {1:,}".format(float(part) / whole, whole)


def table(rows):
    out = []
    for n, (name, items) in enumerate(rows):
        out.append("%d. %s: %s" % (n + 1, name, ", ".join(["%s x%d" % i for i in items])))
    return "\n".join(out)
