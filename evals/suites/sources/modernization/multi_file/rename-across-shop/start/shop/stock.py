from shop.model import Article

_shelf = {}


def put(article):
    if not isinstance(article, Article):
        raise TypeError("not an Article")
    _shelf[article.no] = article


def get(no, default=None):
    return _shelf.get(no, default)


def take(no, cnt=1):
    article = get(no)
    if article is None:
        raise KeyError("unknown article %s" % no)
    if article.left < cnt:
        raise ValueError("article %s: only %d left" % (no, article.left))
    article.left -= cnt
    return article.cents * cnt


def clear():
    _shelf.clear()
