import logging

log = logging.getLogger(__name__)


def run(jobs):
    done = 0
    for name, job in jobs:
        log.debug("start %s", name)
        try:
            job()
            done += 1
        except Exception as exc:
            log.error("%s failed: %s", name, exc)
    log.info("%d of %d jobs done", done, len(jobs))
    return done
