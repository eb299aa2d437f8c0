def totals(lines):
    net = sum(line.net() for line in lines)
    vat = sum(line.vat() for line in lines)
    return {"net": net, "vat": vat, "gross": net + vat}


def discount(amount, percent):
    """Amount that is taken off."""
    return amount * percent // 100


def split(amount, n):
    """Shares of n people, the first ones pay the odd cents."""
    base, rest = divmod(amount, n)
    return [base + 1] * rest + [base] * (n - rest)
