def process(lines, prices, today):
    """Read order lines, return (invoices, messages). Amounts are in cents, `today` is an ISO date text."""
    invoices = {}
    messages = []
    for no, line in enumerate(lines, 1):
        line = line.split("#")[0].strip()
        if line:
            parts = line.split(",")
            if len(parts) == 4:
                customer, article, qty, due = [p.strip() for p in parts]
                if qty.isdigit():
                    qty = int(qty)
                    if article in prices:
                        if due >= today:
                            amount = prices[article] * qty
                            if qty >= 100:
                                amount = amount * 90 // 100
                            elif qty >= 10:
                                amount = amount * 95 // 100
                            if customer not in invoices:
                                invoices[customer] = {"items": [], "total": 0, "express": False}
                            invoice = invoices[customer]
                            for item in invoice["items"]:
                                if item[0] == article:
                                    item[1] += qty
                                    item[2] += amount
                                    break
                            else:
                                invoice["items"].append([article, qty, amount])
                            invoice["total"] += amount
                            if due == today:
                                if not invoice["express"]:
                                    invoice["express"] = True
                                    invoice["total"] += 990
                        else:
                            messages.append("line %d: due date %s is over" % (no, due))
                    else:
                        messages.append("line %d: unknown article %s" % (no, article))
                else:
                    messages.append("line %d: bad quantity %r" % (no, qty))
            else:
                messages.append("line %d: %d fields" % (no, len(parts)))
    for customer in sorted(invoices):
        total = invoices[customer]["total"]
        if total > 100000:
            messages.append("%s: check credit (%d.%02d)" % (customer, total // 100, total % 100))
    return invoices, messages
