import shop.stock
from shop import model


def sort_key(product):
    return product.sku


def listing(articles):
    """Text lines, one article each."""
    rows = sorted((a for a in articles if isinstance(a, model.Product)), key=sort_key)
    return ["%s %s (%d)" % (a.sku, a.title, a.left) for a in rows]


def export_all(numbers):
    return [shop.stock.find(n).export() for n in numbers if shop.stock.find(n)]
