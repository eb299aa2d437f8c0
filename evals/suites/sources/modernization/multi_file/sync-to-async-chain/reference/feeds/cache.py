import asyncio


class Cache:
    def __init__(self, client):
        self.client = client
        self.texts = {}
        self._locks = {}

    async def fetch(self, url):
        async with self._locks.setdefault(url, asyncio.Lock()):
            if url not in self.texts:
                self.texts[url] = await self.client.fetch(url)
        return self.texts[url]

    def known(self):
        return sorted(self.texts)
