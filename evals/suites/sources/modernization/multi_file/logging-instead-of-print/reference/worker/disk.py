import logging

log = logging.getLogger(__name__)


def check(free, total):
    share = 100 * free // total
    log.debug("%d of %d bytes free", free, total)
    if share < 5:
        log.error("disk full (%d%%)", share)
        return False
    if share < 20:
        log.warning("disk nearly full (%d%%)", share)
    else:
        log.debug("disk fine")
    log.info("disk checked")
    return True
