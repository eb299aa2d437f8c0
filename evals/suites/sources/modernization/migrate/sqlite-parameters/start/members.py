import sqlite3

COLUMNS = ("id", "name", "city", "fee")


def create(db):
    db.execute("CREATE TABLE member (id INTEGER PRIMARY KEY, name TEXT, city TEXT, fee INTEGER)")


def add(db, name, city, fee=0):
    cur = db.cursor()
    cur.execute("INSERT INTO member (name, city, fee) VALUES ('%s', '%s', %s)" % (name, city, fee))
    db.commit()
    return cur.lastrowid


def add_all(db, rows):
    for name, city, fee in rows:
        db.execute("INSERT INTO member (name, city, fee) VALUES ('" + name + "', '" + city + "', " + str(fee) + ")")
        db.commit()


def search(db, text, order="name"):
    sql = "SELECT name FROM member WHERE name LIKE '%" + text + "%' ORDER BY " + order
    return [row[0] for row in db.execute(sql)]


def by_ids(db, ids):
    sql = "SELECT id, name FROM member WHERE id IN ({}) ORDER BY id".format(",".join(str(i) for i in ids))
    return db.execute(sql).fetchall()


def in_city(db, city):
    if city is None:
        where = "city IS NULL"
    else:
        where = f"city = '{city}'"
    return [r[0] for r in db.execute(f"SELECT name FROM member WHERE {where} ORDER BY id")]


def rename(db, member_id, name):
    n = db.execute("UPDATE member SET name = '%s' WHERE id = %s" % (name, member_id)).rowcount
    db.commit()
    return n == 1
