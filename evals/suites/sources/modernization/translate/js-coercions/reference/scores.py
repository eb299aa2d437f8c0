import math
import re

NAN = math.nan
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Infinity)", re.ASCII)
_PREFIXED = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")


def parse_score(text):
    match = re.match(r"\s*([+-]?[0-9]+)", text_of(text))
    return (int(match[1]) if match else 0) or -1


def text_of(value):
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def rank(values):
    return sorted(values, key=text_of)


def first_truthy(*values):
    return next((v for v in values if is_truthy(v)), None)


def is_truthy(value):
    if isinstance(value, list):
        return True
    return bool(value) and value == value


def number(value):
    if not isinstance(value, str):
        return value + 0
    value = value.strip()
    if not value:
        return 0
    if _PREFIXED.fullmatch(value):
        return int(value, 0)
    return float(value) if _NUMBER.fullmatch(value) else NAN


def average(values):
    numbers = [number(v) for v in values if v is not None and v != ""]
    if not numbers:
        return NAN
    result = sum(numbers) / len(numbers)
    return int(result) if math.isfinite(result) and result == int(result) else result


def slug(title, max=12):
    text = re.sub(r"[^a-z0-9]+", "-", title.strip().lower())
    text = re.sub(r"^-|-\Z", "", text)
    return text[:max].replace("-", "_", 1)
