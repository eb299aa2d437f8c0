from spider import filters
from spider.config import SETTINGS


class Crawler:
    def __init__(self, fetcher):
        self.fetcher = fetcher
        self.pages = {}

    def crawl(self, url, level=0):
        if level > SETTINGS["depth"] or url in self.pages or not filters.allowed(url):
            return
        links = self.fetcher.get(url)
        self.pages[url] = level
        for link in links:
            self.crawl(link, level + 1)
