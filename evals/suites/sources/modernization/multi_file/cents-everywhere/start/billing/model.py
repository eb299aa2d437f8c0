class Line:
    def __init__(self, title, qty, price, vat_percent=20):
        self.title = title
        self.qty = qty
        self.price = price
        self.vat_percent = vat_percent

    def net(self):
        return round(self.qty * self.price, 2)

    def vat(self):
        return round(self.net() * self.vat_percent / 100.0, 2)
