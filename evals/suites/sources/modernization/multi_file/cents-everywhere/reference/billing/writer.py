from billing.calc import discount, totals


def money(amount):
    whole, part = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{part:02d}"


def invoice(lines, percent_off=0):
    rows = [f"{line.title}: {line.qty} x {money(line.price_cents)}" for line in lines]
    gross = totals(lines)["gross"]
    off = discount(gross, percent_off)
    rows.append(f"gross {money(gross)}")
    if off:
        rows.append(f"discount {money(-off)}")
    rows.append(f"to pay {money(gross - off)}")
    return rows
