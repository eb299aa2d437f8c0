from feeds.cache import Cache
from feeds.client import Client
from feeds.collect import collect


def report(wire, urls):
    rows = collect(Cache(Client(wire)), urls)
    lines = ["%s: %s" % (url, "failed" if found is None else ", ".join(found)) for url, found in rows]
    return "\n".join(lines)
