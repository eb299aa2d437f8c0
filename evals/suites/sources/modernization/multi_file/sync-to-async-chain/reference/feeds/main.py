from feeds.cache import Cache
from feeds.client import Client
from feeds.collect import collect


async def report(wire, urls):
    rows = await collect(Cache(Client(wire)), urls)
    return "\n".join(f"{url}: {'failed' if found is None else ', '.join(found)}" for url, found in rows)
