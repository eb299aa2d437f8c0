"""Arithmetic of a bucket that holds one minute's allowance and leaks all the time. A fixed window would allow twice the pace."""

from __future__ import annotations


def level(used: float, elapsed_s: float, per_minute: int) -> float:
    """What is still in the bucket after `elapsed_s` seconds; a clock that went backwards leaks nothing."""
    return max(0.0, used - max(0.0, elapsed_s) * per_minute / 60)


def wait_s(used: float, cost: float, per_minute: int) -> float:
    """Seconds until `cost` fits on top of `used`; 0 when it does."""
    return max(0.0, (used + cost - per_minute) * 60 / per_minute)
