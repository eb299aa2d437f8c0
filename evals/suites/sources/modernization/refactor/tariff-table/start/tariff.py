def postage(zone, grams):
    if grams <= 0:
        raise ValueError("grams must be positive")
    if zone == "near":
        if grams <= 50:
            return 90
        elif grams <= 500:
            return 160
        elif grams <= 1000:
            return 275
    elif zone == "mid":
        if grams <= 50:
            return 110
        elif grams <= 500:
            return 210
        elif grams <= 1000:
            return 370
    elif zone == "far":
        if grams <= 50:
            return 170
        elif grams <= 500:
            return 390
    elif zone == "world":
        if grams <= 50:
            return 210
        elif grams <= 250:
            return 480
        elif grams <= 1000:
            return 1010
        elif grams <= 2000:
            return 1900
    else:
        raise KeyError(zone)
    return None


def days(zone):
    if zone == "near":
        return (1, 2)
    elif zone == "mid":
        return (2, 3)
    elif zone == "far":
        return (3, 6)
    elif zone == "world":
        return (5, 14)
    else:
        raise KeyError(zone)


def cheapest(grams):
    """Zone with the lowest postage, the nearer one on a tie; None when no zone takes it."""
    best = None
    price = None
    for zone in ("near", "mid", "far", "world"):
        p = postage(zone, grams)
        if p is not None:
            if price is None or p < price:
                best, price = zone, p
    return best
