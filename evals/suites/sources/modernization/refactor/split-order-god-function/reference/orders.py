EXPRESS = 990
CREDIT_LIMIT = 100000


def process(lines, prices, today):
    """Read order lines, return (invoices, messages). Amounts are in cents, `today` is an ISO date text."""
    invoices, messages = {}, []
    for no, line in enumerate(lines, 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        try:
            book(invoices, parse(line, prices, today), today)
        except ValueError as exc:
            messages.append(f"line {no}: {exc}")
    return invoices, messages + credit_checks(invoices)


def parse(line, prices, today):
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 4:
        raise ValueError(f"{len(parts)} fields")
    customer, article, qty, due = parts
    if not qty.isdigit():
        raise ValueError(f"bad quantity {qty!r}")
    if article not in prices:
        raise ValueError(f"unknown article {article}")
    if due < today:
        raise ValueError(f"due date {due} is over")
    return customer, article, int(qty), due, discounted(prices[article] * int(qty), int(qty))


def discounted(amount, qty):
    if qty >= 100:
        return amount * 90 // 100
    if qty >= 10:
        return amount * 95 // 100
    return amount


def book(invoices, order, today):
    customer, article, qty, due, amount = order
    invoice = invoices.setdefault(customer, {"items": [], "total": 0, "express": False})
    add_item(invoice["items"], article, qty, amount)
    invoice["total"] += amount
    if due == today and not invoice["express"]:
        invoice["express"] = True
        invoice["total"] += EXPRESS


def add_item(items, article, qty, amount):
    for item in items:
        if item[0] == article:
            item[1] += qty
            item[2] += amount
            return
    items.append([article, qty, amount])


def credit_checks(invoices):
    totals = [(customer, invoices[customer]["total"]) for customer in sorted(invoices)]
    return [f"{customer}: check credit ({total // 100}.{total % 100:02d})" for customer, total in totals if total > CREDIT_LIMIT]
