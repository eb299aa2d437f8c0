from collections import defaultdict


def report(customers, orders):
    by_customer = defaultdict(list)
    for order in orders:
        if order["customer_id"] is not None and order["status"] not in (None, "cancelled"):
            by_customer[order["customer_id"]].append(order)
    groups = defaultdict(lambda: ([], []))
    for customer in customers:
        if customer["active"] not in (None, 0):
            ids, joined = groups[customer["region"]]
            ids.append(customer["id"])
            joined.extend(by_customer.get(customer["id"], []) or [{"id": None, "amount": None}])
    rows = [_row(region, ids, joined) for region, (ids, joined) in groups.items()]
    kept = [row for row in rows if row[1] > 1 or (row[4] is not None and row[4] > 50)]
    return sorted(kept, key=_order)


def _row(region, ids, joined):
    amounts = [order["amount"] for order in joined if order["amount"] is not None]
    n_customers = len({i for i in ids if i is not None})
    n_orders = sum(order["id"] is not None for order in joined)
    total = sum(amounts) if amounts else None
    return region, n_customers, n_orders, len(amounts), total, sum(a >= 100 for a in amounts)


def _order(row):
    region, total = row[0], row[4]
    return total is None, -(total or 0), region is None, region or ""
