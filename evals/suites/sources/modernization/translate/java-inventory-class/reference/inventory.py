class Inventory:
    def __init__(self, limit=5):
        self._limit = limit
        self._stock = {}
        self._sold = {}

    def add(self, sku, n):
        if n <= 0:
            raise ValueError(f"n must be positive: {n}")
        self._stock[sku] = self._stock.get(sku, 0) + n
        return self

    def remove(self, sku, n):
        if sku not in self._stock:
            raise KeyError(f"no {sku}")
        have = self._stock[sku]
        if have < n:
            return False
        if have == n:
            del self._stock[sku]
        else:
            self._stock[sku] = have - n
        self._sold[sku] = self._sold.get(sku, 0) + n
        return True

    def best_seller(self):
        """The first of those that were sold most; None when nothing was sold."""
        return max(self._sold, key=self._sold.get, default=None)

    def low_stock(self):
        low = sorted((sku for sku, n in self._stock.items() if n < self._limit), reverse=True)
        return tuple(sorted(low, key=self._stock.get))

    def __len__(self):
        return len(self._stock)

    def __str__(self):
        if not self._stock:
            return "empty"
        return "{" + ", ".join(f"{sku}={n}" for sku, n in sorted(self._stock.items())) + "}"
