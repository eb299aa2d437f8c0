import spider.config


def summary(pages):
    s = spider.config.SETTINGS
    return "%s: %d pages, deepest %d of %d" % (s["agent"], len(pages), max(pages.values(), default=0), s["depth"])
