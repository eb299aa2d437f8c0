from spider import config, report
from spider.crawler import Crawler
from spider.fetch import Fetcher


def crawl(text, wire, start):
    settings = config.load(text)
    fetcher = Fetcher(settings, wire)
    crawler = Crawler(settings, fetcher)
    crawler.crawl(start)
    return report.summary(settings, crawler.pages), fetcher.waited
