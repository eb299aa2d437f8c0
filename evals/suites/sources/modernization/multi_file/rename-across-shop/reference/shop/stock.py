from shop.model import Product

_shelf = {}


def put(product):
    if not isinstance(product, Product):
        raise TypeError("not a Product")
    _shelf[product.sku] = product


def find(sku, default=None):
    return _shelf.get(sku, default)


def take(sku, quantity=1):
    product = find(sku)
    if product is None:
        raise KeyError("unknown article %s" % sku)
    if product.left < quantity:
        raise ValueError("article %s: only %d left" % (sku, product.left))
    product.left -= quantity
    return product.cents * quantity


def clear():
    _shelf.clear()
