RATES = {
    "near": ((50, 90), (500, 160), (1000, 275)),
    "mid": ((50, 110), (500, 210), (1000, 370)),
    "far": ((50, 170), (500, 390)),
    "world": ((50, 210), (250, 480), (1000, 1010), (2000, 1900)),
}
DAYS = {"near": (1, 2), "mid": (2, 3), "far": (3, 6), "world": (5, 14)}
ZONES = tuple(RATES)


def postage(zone, grams):
    if grams <= 0:
        raise ValueError("grams must be positive")
    return next((price for limit, price in RATES[zone] if grams <= limit), None)


def days(zone):
    return DAYS[zone]


def cheapest(grams):
    """Zone with the lowest postage, the nearer one on a tie; None when no zone takes it."""
    prices = {zone: postage(zone, grams) for zone in ZONES}
    return min((zone for zone in ZONES if prices[zone] is not None), key=prices.get, default=None)
