from decimal import ROUND_DOWN, Decimal

PLUS, MINUS = "{ABCDEFGHI", "}JKLMNOPQR"
CENT = Decimal("0.01")


def parse(line):
    if len(line) != 30:
        raise ValueError(f"line of {len(line)} characters")
    return {
        "number": int(line[:5]),
        "name": line[5:17].rstrip(),
        "kind": line[17],
        "hours": Decimal(int(line[18:22])).scaleb(-1),
        "wage": signed(line[22:]).scaleb(-2),
    }


def signed(text):
    last, sign = text[-1], 1
    if last in MINUS:
        last, sign = str(MINUS.index(last)), -1
    elif last in PLUS:
        last = str(PLUS.index(last))
    return Decimal(sign * int(text[:-1] + last))


def pay(record):
    wage, hours = record["wage"], record["hours"]
    match record["kind"]:
        case "H" if hours > 40:
            amount = wage * 40 + wage * (hours - 40) * Decimal("1.5")
        case "H":
            amount = wage * hours
        case "S":
            amount = wage / 12
        case _:
            amount = wage
    return amount.quantize(CENT, ROUND_DOWN)


def totals(lines):
    sums = {}
    for line in lines:
        if not line.startswith("*"):
            record = parse(line)
            sums[record["kind"]] = sums.get(record["kind"], Decimal("0.00")) + pay(record)
    return sums
