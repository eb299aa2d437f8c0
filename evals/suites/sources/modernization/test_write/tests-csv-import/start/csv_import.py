import csv
import io
from decimal import Decimal, InvalidOperation

NEEDED = ("id", "name", "amount")


def read(text):
    """Read a semicolon-separated text with a header line.

    Returns a dict from id to (name, amount as Decimal) and a list of (line number, problem) with the header as line 1. Amounts have a
    decimal comma or point. Rows without an id are left out and reported with "no id", wrong amounts with "bad amount"; the import
    goes on. The last of two rows with one id counts. Blanks around ids and names are removed. A missing column raises ValueError.
    """
    rows = csv.DictReader(io.StringIO(text), delimiter=";")
    missing = set(NEEDED) - set(rows.fieldnames or ())
    if missing:
        raise ValueError(f"missing columns: {', '.join(sorted(missing))}")
    found, errors = {}, []
    for number, row in enumerate(rows, 2):
        if not (row["id"] or "").strip():
            errors.append((number, "no id"))
            continue
        try:
            amount = Decimal((row["amount"] or "").replace(",", "."))
        except InvalidOperation:
            errors.append((number, "bad amount"))
            continue
        found[row["id"].strip()] = ((row["name"] or "").strip(), amount)
    return found, errors
