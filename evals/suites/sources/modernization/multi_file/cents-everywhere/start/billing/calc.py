def totals(lines):
    net = sum(line.net() for line in lines)
    vat = sum(line.vat() for line in lines)
    return {"net": round(net, 2), "vat": round(vat, 2), "gross": round(net + vat, 2)}


def discount(amount, percent):
    """Amount that is taken off."""
    return round(amount * percent / 100.0, 2)


def split(amount, n):
    """Shares of n people, the first ones pay the odd cents."""
    base = int(amount * 100 / n) / 100.0
    rest = int(round((amount - base * n) * 100))
    return [round(base + 0.01, 2)] * rest + [base] * (n - rest)
