class GaveUp(Exception):
    """Raised after the last try; its cause is the error of that try."""


def call(job, *, tries, on, sleep, first_s=1.0, factor=2.0, longest_s=30.0):
    """Result of `job()`, which is tried up to `tries` times while it raises `on` (a class or a tuple of classes).

    Between tries `sleep` is called with first_s, then each time `factor` times as long, never longer than `longest_s`. Other errors
    pass at once. There is no pause after the last try.
    """
    last = None
    for attempt in range(1, tries + 1):
        try:
            return job()
        except on as exc:
            last = exc
            if attempt < tries:
                sleep(min(longest_s, first_s * factor ** (attempt - 1)))
    raise GaveUp(f"{tries} tries") from last
