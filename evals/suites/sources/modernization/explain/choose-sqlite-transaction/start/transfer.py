import sqlite3


def move(db, source, target, amount):
    with db:
        db.execute("UPDATE account SET cents = cents - ? WHERE name = ?", (amount, source))
        if target == source or amount > 30:
            raise ValueError("not allowed")
        db.execute("UPDATE account SET cents = cents + ? WHERE name = ?", (amount, target))


def balance():
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE account (name TEXT PRIMARY KEY, cents INTEGER)")
    with db:
        db.executemany("INSERT INTO account VALUES (?, ?)", [("ann", 100), ("bob", 0)])
    try:
        move(db, "ann", "bob", 40)
    except ValueError:
        pass
    db.commit()
    return db.execute("SELECT name, cents FROM account ORDER BY name").fetchall()
