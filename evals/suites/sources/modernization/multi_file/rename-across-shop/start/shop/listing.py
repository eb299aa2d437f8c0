import shop.stock
from shop import model


def sort_key(article):
    return getattr(article, "no")


def listing(articles):
    """Text lines, one article each."""
    rows = sorted((a for a in articles if isinstance(a, model.Article)), key=sort_key)
    return ["%s %s (%d)" % (a.no, a.title, a.left) for a in rows]


def export_all(numbers):
    return [shop.stock.get(n).export() for n in numbers if shop.stock.get(n)]
