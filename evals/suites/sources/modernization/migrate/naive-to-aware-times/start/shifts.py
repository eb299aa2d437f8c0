from datetime import datetime, timedelta

FORMAT = "%Y-%m-%d %H:%M"
STARTS = (6, 14, 22)


def parse(text):
    return datetime.strptime(text, FORMAT)


def show(moment):
    return moment.strftime(FORMAT)


def hours(start, end):
    return (end - start).total_seconds() / 3600


def overlaps(a, b):
    """Whether two (start, end) pairs share any time."""
    return a[0] < b[1] and b[0] < a[1]


def next_shift(moment):
    day = datetime(moment.year, moment.month, moment.day)
    for offset in (0, 1):
        for hour in STARTS:
            start = day + timedelta(days=offset, hours=hour)
            if start > moment:
                return start


def stamp(seconds):
    return datetime.utcfromtimestamp(seconds)
