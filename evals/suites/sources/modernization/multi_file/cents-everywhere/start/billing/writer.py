from billing.calc import discount, totals


def money(amount):
    return "%.2f" % amount


def invoice(lines, percent_off=0):
    rows = ["%s: %d x %s" % (line.title, line.qty, money(line.price)) for line in lines]
    sums = totals(lines)
    off = discount(sums["gross"], percent_off)
    rows.append("gross %s" % money(sums["gross"]))
    if off:
        rows.append("discount %s" % money(-off))
    rows.append("to pay %s" % money(sums["gross"] - off))
    return rows
