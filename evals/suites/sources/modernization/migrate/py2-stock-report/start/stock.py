# -*- coding: utf-8 -*-
import string
from StringIO import StringIO


class StockError(StandardError):
    pass


class Item:
    __metaclass__ = type

    def __init__(self, code, name, qty, cents):
        self.code, self.name, self.qty, self.cents = code, name, qty, cents

    def __nonzero__(self):
        return self.qty > 0

    def __cmp__(self, other):
        return cmp((self.name.lower(), self.code), (other.name.lower(), other.code))

    def __unicode__(self):
        return u"%s %s (%d)" % (self.code, self.name, self.qty)


def read_stock(raw):
    items = []
    for no, line in enumerate(StringIO(raw.decode("latin-1"))):
        line = line.strip()
        if not line or line[0] == "#":
            continue
        fields = map(string.strip, line.split(";"))
        if len(fields) != 4:
            raise StockError, "line %d: %d fields" % (no + 1, len(fields))
        code, name, qty, cents = fields
        try:
            items.append(Item(code, name, int(qty), long(cents)))
        except ValueError, e:
            raise StockError("line %d: %s" % (no + 1, code))
    return items


def boxes(items, per_box):
    return dict((i.code, (i.qty + per_box - 1) / per_box) for i in items)


def average_cents(items):
    live = filter(None, items)
    if not live:
        return 0
    return sum(i.cents for i in live) / len(live)


def rank(items):
    def by_value(a, b):
        return cmp(b.qty * b.cents, a.qty * a.cents) or cmp(a, b)
    return [i.code for i in sorted(items, cmp=by_value)]


def merge(first, second):
    out = {}
    for source in first, second:
        for code, qty in source.iteritems():
            if out.has_key(code):
                out[code] += qty
            else:
                out[code] = qty
    keys = out.keys()
    keys.sort()
    return keys, map(out.get, keys)


def report(items, out):
    for i in sorted(items):
        print >>out, unicode(i)
    print >>out, "%d items, average %d" % (len(items), average_cents(items))
