class Product:
    """A product on the shelf."""

    def __init__(self, sku, title, cents, left=0):
        self.sku = sku
        self.title = title
        self.cents = cents
        self.left = left

    def __repr__(self):
        return "Product(%r)" % self.sku

    def export(self):
        return {"no": self.sku, "title": self.title, "cents": self.cents}
