class Line:
    def __init__(self, title, qty, price_cents, vat_percent=20):
        self.title = title
        self.qty = qty
        self.price_cents = price_cents
        self.vat_percent = vat_percent

    def net(self):
        return self.qty * self.price_cents

    def vat(self):
        return (self.net() * self.vat_percent + 50) // 100
