from spider import config, report
from spider.crawler import Crawler
from spider.fetch import Fetcher


def crawl(text, wire, start):
    config.load(text)
    fetcher = Fetcher(wire)
    crawler = Crawler(fetcher)
    crawler.crawl(start)
    return report.summary(crawler.pages), fetcher.waited
