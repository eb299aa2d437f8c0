class Cache:
    def __init__(self, client):
        self.client = client
        self.texts = {}

    def fetch(self, url):
        if url not in self.texts:
            self.texts[url] = self.client.fetch(url)
        return self.texts[url]

    def known(self):
        return sorted(self.texts)
