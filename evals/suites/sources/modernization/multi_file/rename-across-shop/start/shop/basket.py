from shop import stock
from shop.stock import get as lookup


class Basket:
    def __init__(self):
        self.lines = {}

    def add(self, no, cnt=1):
        if lookup(no) is None:
            raise KeyError(no)
        self.lines[no] = self.lines.get(no, 0) + cnt

    def total(self):
        return sum(stock.get(no).cents * cnt for no, cnt in self.lines.items())

    def buy(self):
        paid = 0
        for no in sorted(self.lines):
            paid += stock.take(no, cnt=self.lines[no])
        self.lines.clear()
        return paid
