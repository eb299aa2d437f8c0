from feeds.client import FeedError
from feeds.parse import titles


def collect(source, urls):
    """(url, titles) or (url, None) when it cannot be read."""
    out = []
    for url in urls:
        try:
            out.append((url, titles(source.fetch(url))))
        except FeedError:
            out.append((url, None))
    return out
