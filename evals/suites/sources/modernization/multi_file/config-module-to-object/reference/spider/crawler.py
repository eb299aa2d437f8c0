from spider import filters


class Crawler:
    def __init__(self, config, fetcher):
        self.config = config
        self.fetcher = fetcher
        self.pages = {}

    def crawl(self, url, level=0):
        if level > self.config.depth or url in self.pages or not filters.allowed(self.config, url):
            return
        links = self.fetcher.get(url)
        self.pages[url] = level
        for link in links:
            self.crawl(link, level + 1)
