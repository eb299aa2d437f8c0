from spider import config


class Fetcher:
    def __init__(self, wire):
        self.wire = wire
        self.waited = 0.0

    def get(self, url):
        self.waited += config.SETTINGS["delay_s"]
        return self.wire(url, {"User-Agent": config.SETTINGS["agent"]})
