from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

EXACT = Context(prec=60)
CENT = Decimal("0.01")


def interest(balance, rate, days):
    balance = move(balance, 7, 2)
    rate = move(rate, 2, 3)
    days = move(days, 3, 0)
    daily = move(EXACT.divide(EXACT.multiply(balance, rate), Decimal(36500)), 5, 4)
    amount = fit(EXACT.multiply(daily, days).quantize(CENT, ROUND_HALF_UP), 5)
    new = fit(balance + amount, 7)
    return amount + 0, new + 0, band(new, amount)[:6]


def move(value, digits, decimals):
    """Value as a field of that many digits keeps it."""
    value = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN, EXACT)
    kept = abs(value) % 10**digits
    return -kept if value < 0 else kept


def fit(value, digits):
    if abs(value) >= 10**digits:
        raise OverflowError(f"{value} does not fit")
    return value


def band(new, amount):
    if new < 0:
        return "DEBT"
    if new <= 1000:
        return "SMALL"
    return "TAXABLE" if amount > Decimal("99.99") else "NORMAL"
