from spider.config import SETTINGS


def host(url):
    return url.split("://")[-1].split("/")[0]


def allowed(url):
    return not SETTINGS["hosts"] or host(url) in SETTINGS["hosts"]
