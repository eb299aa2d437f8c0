import itertools
import sqlite3

from checklib import *

assert not {m.split(".")[0] for m in imports("sales_report.py")} & {"sqlite3", "pandas", "duckdb", "sqlalchemy"}
from sales_report import report

SQL = """SELECT c.region, COUNT(DISTINCT c.id), COUNT(o.id), COUNT(o.amount), SUM(o.amount) AS total, SUM(CASE WHEN o.amount >= 100 THEN 1 ELSE 0 END)
FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status <> 'cancelled' WHERE c.active <> 0 GROUP BY c.region
HAVING COUNT(DISTINCT c.id) > 1 OR SUM(o.amount) > 50 ORDER BY total IS NULL, total DESC, c.region IS NULL, c.region"""


def check(customers, orders):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE customers (id, name, region, active)")
    db.execute("CREATE TABLE orders (id, customer_id, amount, status)")
    db.executemany("INSERT INTO customers VALUES (?, ?, ?, ?)", customers)
    db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", orders)
    a = [dict(zip(("id", "name", "region", "active"), c)) for c in customers]
    b = [dict(zip(("id", "customer_id", "amount", "status"), o)) for o in orders]
    keep = [dict(x) for x in a], [dict(x) for x in b]
    same([tuple(row) for row in report(iter(a), iter(b))], db.execute(SQL).fetchall())
    assert keep == (a, b), "arguments were changed"


people = [(1, "a", "north", 1), (2, "b", "north", None), (3, "c", "south", 1), (4, "d", "south", 1), (5, "e", None, 1), (6, "f", None, 2), (7, "g", "east", 1), (8, "h", "west", 0), (9, "i", "up", 1)]
orders = [(1, 1, 50, "paid"), (2, 1, None, "paid"), (3, 1, 100, None), (4, 3, 100, "open"), (5, 3, 5, "cancelled"), (6, 99, 7, "paid"), (7, 7, 51, "paid"), (8, None, 9, "paid"), (9, 8, 500, "paid"), (10, 9, -1, "x"), (11, 9, 99, "x")]
check(people, orders)
check(people, [])
check([], orders)
check(people + [(10, "j", "down", 1), (11, "k", "down", 1), (12, "l", "zed", 1), (13, "m", "zed", 1)], orders)
check([(None, "n", "r", 1), (None, "o", "r", 1), (1, "p", "r", 1)], [(1, None, 500, "paid"), (2, 1, 60, "paid")])
check([(1, "p", "r", 1), (1, "p", "r", 1)], [(None, 1, 60, "paid"), (3, 1, 0, "")])
for n, (amount, status, active) in enumerate(itertools.product((None, 0, 100), (None, "paid", "cancelled"), (None, 0, 1))):
    check([(1, "a", "x", active), (2, "b", "x", 1), (3, "c", "y", active)], [(n, 1, amount, status), (n + 1, 3, 60, "open")])
