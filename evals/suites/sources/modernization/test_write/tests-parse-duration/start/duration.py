import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PART = re.compile(r"(\d+)([smhd])\s*")


def seconds(text):
    """Seconds of a text such as "1h 30m".

    Parts are a whole number and one of s, m, h, d; blanks between parts are optional, case does not matter, each unit may occur once,
    the order is free. Anything else, also an empty text, raises ValueError.
    """
    text = text.strip().lower()
    if not text:
        raise ValueError("empty duration")
    total, at, seen = 0, 0, set()
    while at < len(text):
        match = PART.match(text, at)
        if not match or match[2] in seen:
            raise ValueError(f"not a duration: {text!r}")
        seen.add(match[2])
        total += int(match[1]) * UNITS[match[2]]
        at = match.end()
    return total
