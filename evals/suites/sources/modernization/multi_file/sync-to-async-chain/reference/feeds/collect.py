import asyncio

from feeds.client import FeedError
from feeds.parse import titles


async def collect(source, urls):
    """(url, titles) or (url, None) when it cannot be read."""
    return list(await asyncio.gather(*(_one(source, url) for url in urls)))


async def _one(source, url):
    try:
        return url, titles(await source.fetch(url))
    except FeedError:
        return url, None
