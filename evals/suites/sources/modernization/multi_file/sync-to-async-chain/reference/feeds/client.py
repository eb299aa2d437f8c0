class FeedError(Exception):
    pass


class Client:
    def __init__(self, wire, retries=1):
        self.wire = wire
        self.retries = retries

    async def fetch(self, url):
        for _attempt in range(self.retries + 1):
            try:
                return await self.wire.get(url)
            except OSError as exc:
                last = exc
        raise FeedError(f"{url}: {last}") from last
