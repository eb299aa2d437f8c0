def host(url):
    return url.split("://")[-1].split("/")[0]


def allowed(config, url):
    return not config.hosts or host(url) in config.hosts
