from datetime import timedelta


def is_workday(day, holidays=()):
    """Whether a date is Monday to Friday and no holiday."""
    return day.weekday() < 5 and day not in holidays


def count(start, end, holidays=()):
    """Working days from start to end, both included; negative when end lies before start."""
    if end < start:
        return -count(end, start, holidays)
    day, n = start, 0
    while day <= end:
        n += is_workday(day, holidays)
        day += timedelta(days=1)
    return n


def add(start, n, holidays=()):
    """The n-th working day after start (before it when n is negative); start itself is never counted, 0 gives start."""
    day = start
    step = timedelta(days=1 if n > 0 else -1)
    left = abs(n)
    while left:
        day += step
        left -= is_workday(day, holidays)
    return day
