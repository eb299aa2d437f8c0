from itertools import islice


def numbered(lines, start=1):
    for no, line in enumerate(lines, start):
        yield no, line.rstrip("\n")


def records(lines):
    """Join continued lines (ending in a backslash) into one record with the number of its first line."""
    first, parts = None, []
    for no, text in numbered(lines):
        first = first or no
        if text.endswith("\\"):
            parts.append(text[:-1])
            continue
        yield first, "".join([*parts, text])
        first, parts = None, []
    if first is not None:
        raise ValueError(f"line {first}: record does not end")


def clean(items):
    """(key, amount) of records `key amount`; empty records and comments are left out."""
    for no, text in items:
        parts = text.split()
        if not parts or parts[0].startswith("#"):
            continue
        if len(parts) != 2:
            raise ValueError(f"line {no}: {len(parts)} words")
        yield parts[0], int(parts[1])


def batches(items, size):
    if size < 1:
        raise ValueError("size must be at least 1")
    source = iter(items)
    return iter(lambda: list(islice(source, size)), [])


def running_totals(items):
    sums = {}
    for key, amount in items:
        sums[key] = sums.get(key, 0) + amount
        yield key, sums[key]


def totals(items):
    sums = {}
    for key, amount in items:
        sums[key] = sums.get(key, 0) + amount
    return dict(sorted(sums.items()))
