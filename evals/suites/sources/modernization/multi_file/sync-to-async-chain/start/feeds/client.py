class FeedError(Exception):
    pass


class Client:
    def __init__(self, wire, retries=1):
        self.wire = wire
        self.retries = retries

    def fetch(self, url):
        for attempt in range(self.retries + 1):
            try:
                return self.wire.get(url)
            except OSError as exc:
                last = exc
        raise FeedError("%s: %s" % (url, last)) from last
