from shop import stock
from shop.stock import find as lookup


class Basket:
    def __init__(self):
        self.lines = {}

    def add(self, sku, quantity=1):
        if lookup(sku) is None:
            raise KeyError(sku)
        self.lines[sku] = self.lines.get(sku, 0) + quantity

    def total(self):
        return sum(stock.find(sku).cents * quantity for sku, quantity in self.lines.items())

    def buy(self):
        paid = 0
        for sku in sorted(self.lines):
            paid += stock.take(sku, quantity=self.lines[sku])
        self.lines.clear()
        return paid
