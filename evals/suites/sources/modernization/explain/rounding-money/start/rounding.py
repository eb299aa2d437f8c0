from decimal import ROUND_HALF_UP, Decimal


def cents(text):
    return Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP)


def report():
    return [round(2.5), round(3.5), f"{2.675:.2f}", str(cents("2.675")), 0.1 + 0.2 == 0.3]
