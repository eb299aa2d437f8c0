class Fetcher:
    def __init__(self, config, wire):
        self.config = config
        self.wire = wire
        self.waited = 0.0

    def get(self, url):
        self.waited += self.config.delay_s
        return self.wire(url, {"User-Agent": self.config.agent})
