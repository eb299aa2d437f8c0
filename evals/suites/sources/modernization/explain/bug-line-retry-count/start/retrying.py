def call(job, retries=2):
    """Result of a job; it is tried once and again `retries` times."""
    for attempt in range(retries):
        try:
            return job()
        except OSError:
            if attempt == retries:
                raise


def outcome(failures):
    """How a job ends that fails that many times, and how often it was tried."""
    tries = 0

    def job():
        nonlocal tries
        tries += 1
        if tries <= failures:
            raise OSError(tries)
        return "ok"

    try:
        return call(job), tries
    except OSError as exc:
        return type(exc).__name__, tries
