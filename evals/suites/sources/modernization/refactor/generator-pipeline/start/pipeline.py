def numbered(lines, start=1):
    out = []
    for i in range(len(lines)):
        out.append((start + i, lines[i].rstrip("\n")))
    return out


def records(lines):
    """Join continued lines (ending in a backslash) into one record with the number of its first line."""
    out = []
    first = None
    buffer = ""
    for no, text in numbered(lines):
        if first is None:
            first = no
        if text.endswith("\\"):
            buffer += text[:-1]
        else:
            out.append((first, buffer + text))
            first, buffer = None, ""
    if first is not None:
        raise ValueError("line %d: record does not end" % first)
    return out


def clean(items):
    """(key, amount) of records `key amount`; empty records and comments are left out."""
    out = []
    for no, text in items:
        if text.strip() == "" or text.lstrip()[0] == "#":
            continue
        parts = text.split()
        if len(parts) != 2:
            raise ValueError("line %d: %d words" % (no, len(parts)))
        out.append((parts[0], int(parts[1])))
    return out


def batches(items, size):
    if size < 1:
        raise ValueError("size must be at least 1")
    items = list(items)
    return [items[i:i + size] for i in range(0, len(items), size)]


def running_totals(items):
    out = []
    sums = {}
    for key, amount in items:
        sums[key] = sums.get(key, 0) + amount
        out.append((key, sums[key]))
    return out


def totals(items):
    return dict((key, sum(a for k, a in items if k == key)) for key in sorted(set(k for k, a in items)))
