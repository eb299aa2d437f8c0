import functools
import io


class StockError(Exception):
    pass


@functools.total_ordering
class Item:
    def __init__(self, code, name, qty, cents):
        self.code, self.name, self.qty, self.cents = code, name, qty, cents

    def _key(self):
        return self.name.lower(), self.code

    def __bool__(self):
        return self.qty > 0

    def __eq__(self, other):
        return self._key() == other._key()

    def __lt__(self, other):
        return self._key() < other._key()

    def __str__(self):
        return f"{self.code} {self.name} ({self.qty})"


def read_stock(raw):
    items = []
    for no, line in enumerate(io.StringIO(raw.decode("latin-1")), 1):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        fields = [field.strip() for field in line.split(";")]
        if len(fields) != 4:
            raise StockError(f"line {no}: {len(fields)} fields")
        code, name, qty, cents = fields
        try:
            items.append(Item(code, name, int(qty), int(cents)))
        except ValueError as exc:
            raise StockError(f"line {no}: {code}") from exc
    return items


def boxes(items, per_box):
    return {i.code: (i.qty + per_box - 1) // per_box for i in items}


def average_cents(items):
    live = [i for i in items if i]
    if not live:
        return 0
    return sum(i.cents for i in live) // len(live)


def rank(items):
    return [i.code for i in sorted(items, key=lambda i: (-i.qty * i.cents, i))]


def merge(first, second):
    out = {}
    for source in first, second:
        for code, qty in source.items():
            out[code] = out.get(code, 0) + qty
    keys = sorted(out)
    return keys, [out[key] for key in keys]


def report(items, out):
    for i in sorted(items):
        print(i, file=out)
    print(f"{len(items)} items, average {average_cents(items)}", file=out)
