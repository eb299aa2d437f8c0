from datetime import datetime, timedelta, timezone, tzinfo

from checklib import *

assert not {"utcnow", "utcfromtimestamp", "pytz", "dateutil"} & names("shifts.py")
import shifts

UTC = timezone.utc


class Plant(tzinfo):
    """+01:00, and +02:00 from 31 March 2024 01:00 UTC to 27 October 2024 01:00 UTC."""

    ON, OFF = datetime(2024, 3, 31, 2), datetime(2024, 10, 27, 3)

    def utcoffset(self, dt):
        return timedelta(hours=1) + self.dst(dt)

    def dst(self, dt):
        naive = dt.replace(tzinfo=None)
        if self.OFF - timedelta(hours=1) <= naive < self.OFF:
            return timedelta(hours=0 if dt.fold else 1)
        return timedelta(hours=1 if self.ON <= naive < self.OFF else 0)

    def tzname(self, dt):
        return "plant"

    def fromutc(self, dt):
        utc = dt.replace(tzinfo=None)
        summer = datetime(2024, 3, 31, 1) <= utc < datetime(2024, 10, 27, 1)
        local = dt + timedelta(hours=2 if summer else 1)
        again = not summer and datetime(2024, 10, 27, 1) <= utc < datetime(2024, 10, 27, 2)
        return local.replace(fold=int(again))


zone = Plant()
winter, summer = shifts.parse("2024-01-15 06:00", zone), shifts.parse("2024-07-15 06:00", zone)
assert winter == datetime(2024, 1, 15, 5, tzinfo=UTC) and winter.utcoffset() == timedelta(0), winter
assert summer == datetime(2024, 7, 15, 4, tzinfo=UTC) and summer.utcoffset() == timedelta(0), summer
same(shifts.show(summer, zone), "2024-07-15 06:00")
same(shifts.show(datetime(2024, 1, 1, 0, 5, tzinfo=timezone(timedelta(hours=5))), zone), "2023-12-31 20:05")
same(shifts.hours(shifts.parse("2024-03-30 22:00", zone), shifts.parse("2024-03-31 06:00", zone)), 7.0)
same(shifts.hours(shifts.parse("2024-10-26 22:00", zone), shifts.parse("2024-10-27 06:00", zone)), 9.0)
# Two datetimes of one zone object: Python subtracts the clock faces, not the instants.
local = [datetime(2024, 10, 26, 22, tzinfo=zone), datetime(2024, 10, 27, 6, tzinfo=zone)]
same(shifts.hours(*local), 9.0)
a = (datetime(2024, 10, 27, 2, 10, tzinfo=zone), datetime(2024, 10, 27, 2, 50, tzinfo=zone))
b = (datetime(2024, 10, 27, 2, 10, tzinfo=zone, fold=1), datetime(2024, 10, 27, 2, 50, tzinfo=zone, fold=1))
same(shifts.overlaps(a, b), False)
same(shifts.overlaps(a, a), True)
same(shifts.overlaps((winter, summer), (summer, summer + timedelta(1))), False)


def following(text):
    result = shifts.next_shift(shifts.parse(text, zone), zone)
    assert result.utcoffset() == timedelta(0), "not UTC"
    return shifts.show(result, zone)


same(following("2024-05-05 05:59"), "2024-05-05 06:00")
same(following("2024-05-05 06:00"), "2024-05-05 14:00")
same(following("2024-05-05 22:00"), "2024-05-06 06:00")
same(following("2024-03-30 23:00"), "2024-03-31 06:00")
same(following("2024-12-31 23:30"), "2025-01-01 06:00")
same(following("2024-05-05 00:30"), "2024-05-05 06:00")
same(shifts.next_shift(shifts.parse("2024-10-26 23:00", zone), zone), datetime(2024, 10, 27, 5, tzinfo=UTC))
same(shifts.stamp(86400), datetime(1970, 1, 2, tzinfo=UTC))
naive = datetime(2024, 1, 1)
for attempt in (
    lambda: shifts.show(naive, zone),
    lambda: shifts.hours(naive, naive),
    lambda: shifts.hours(winter, naive),
    lambda: shifts.overlaps((naive, naive), (naive, naive)),
    lambda: shifts.next_shift(naive, zone),
):
    assert raises(ValueError, attempt)
