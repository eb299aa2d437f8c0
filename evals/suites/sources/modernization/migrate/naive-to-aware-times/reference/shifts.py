from datetime import datetime, time, timedelta, timezone

FORMAT = "%Y-%m-%d %H:%M"
STARTS = (6, 14, 22)


def _utc(moment):
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(timezone.utc)


def parse(text, zone):
    return _utc(datetime.strptime(text, FORMAT).replace(tzinfo=zone))


def show(moment, zone):
    return _utc(moment).astimezone(zone).strftime(FORMAT)


def hours(start, end):
    return (_utc(end) - _utc(start)).total_seconds() / 3600


def overlaps(a, b):
    """Whether two (start, end) pairs share any time."""
    return _utc(a[0]) < _utc(b[1]) and _utc(b[0]) < _utc(a[1])


def next_shift(moment, zone):
    moment = _utc(moment)
    today = moment.astimezone(zone).date()
    days = (today, today + timedelta(days=1))
    starts = (_utc(datetime.combine(day, time(hour), zone)) for day in days for hour in STARTS)
    return next(start for start in starts if start > moment)


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)
