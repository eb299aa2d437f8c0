import sqlite3

COLUMNS = ("id", "name", "city", "fee")


def create(db):
    db.execute("CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT, city TEXT, fee INTEGER)")


INSERT = "INSERT INTO member (name, city, fee) VALUES (?, ?, ?)"


def add(db, name, city, fee=0):
    with db:
        return db.execute(INSERT, (name, city, fee)).lastrowid


def add_all(db, rows):
    with db:
        db.executemany(INSERT, list(rows))


def search(db, text, order="name"):
    if order not in COLUMNS:
        raise ValueError(f"cannot sort by {order!r}; columns are {', '.join(COLUMNS)}")
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    sql = "SELECT name FROM member WHERE name LIKE ? ESCAPE '\\' ORDER BY " + order
    return [row[0] for row in db.execute(sql, (f"%{text}%",))]


def by_ids(db, ids):
    ids = list(ids)
    marks = ",".join("?" * len(ids))
    return db.execute(f"SELECT id, name FROM member WHERE id IN ({marks}) ORDER BY id", ids).fetchall()


def in_city(db, city):
    return [r[0] for r in db.execute("SELECT name FROM member WHERE city IS ? ORDER BY id", (city,))]


def rename(db, member_id, name):
    with db:
        return db.execute("UPDATE member SET name = ? WHERE id = ?", (name, member_id)).rowcount == 1
