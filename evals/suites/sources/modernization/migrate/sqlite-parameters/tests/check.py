import sqlite3

from checklib import *

import members as m

db = sqlite3.connect(":memory:")
m.create(db)
same(m.add(db, "O'Hara", "Cork", 5), 1)
same(m.add(db, "x'); DROP TABLE member; --", None), 2)
same(m.add(db, "100%_sure", "Ulm"), 3)
same(m.add(db, "anna", "U'lm", 7), 4)
same(m.search(db, "'"), ["O'Hara", "x'); DROP TABLE member; --"])
same(m.search(db, "%"), ["100%_sure"])
same(m.search(db, "_"), ["100%_sure"])
same(m.search(db, "ANN"), ["anna"])
same(m.search(db, "\\"), [])
m.add(db, "back\\slash", "Ulm", 1)
same(m.search(db, "\\"), ["back\\slash"])
same(m.search(db, "\\s"), ["back\\slash"])
same(m.search(db, "a", order="id"), ["O'Hara", "x'); DROP TABLE member; --", "anna", "back\\slash"])
same(m.search(db, "", order="fee")[-1:], ["anna"])
for wrong in ("name; DROP TABLE member", "rowid", "fee, id", "(SELECT 1)", ""):
    assert raises(ValueError, m.search, db, "a", wrong), wrong
same(m.by_ids(db, [3, 1]), [(1, "O'Hara"), (3, "100%_sure")])
same(m.by_ids(db, (i for i in [4])), [(4, "anna")])
same(m.by_ids(db, []), [])
same(m.by_ids(db, ["0) OR (1=1"]), [])
same(m.by_ids(db, range(1, 400))[-1], (5, "back\\slash"))
same(m.in_city(db, "U'lm"), ["anna"])
same(m.in_city(db, None), ["x'); DROP TABLE member; --"])
same(m.in_city(db, "x' OR '1'='1"), [])
same(m.rename(db, 4, "Jo'Ann"), True)
same(m.rename(db, 99, "nobody"), False)
same(m.rename(db, "4 OR 1=1", "all"), False)
same(m.search(db, "Jo'"), ["Jo'Ann"])
before = db.execute("SELECT count(*) FROM member").fetchone()
assert raises(Exception, m.add_all, db, [("a", "b", 1), ("broken",)])
same(db.execute("SELECT count(*) FROM member").fetchone(), before)
assert raises(sqlite3.Error, m.add_all, db, [("a", "b", 1), ("c", "d", {"not": "a value"})])
same(db.execute("SELECT count(*) FROM member").fetchone(), before)
assert not db.in_transaction, "a transaction is left open"
m.add_all(db, [("p", "q", 1), ("r'", "s", 2)])
db.rollback()
same(m.search(db, "r'"), ["r'"])

# Values never come near the text of a statement.
seen = []


class Spy:
    def __init__(self, db):
        self._db = db

    def __getattr__(self, name):
        return getattr(self._db, name)

    def __enter__(self):
        return self._db.__enter__()

    def __exit__(self, *rest):
        return self._db.__exit__(*rest)

    def execute(self, sql, *rest):
        seen.append(sql)
        return self._db.execute(sql, *rest)

    def executemany(self, sql, *rest):
        seen.append(sql)
        return self._db.executemany(sql, *rest)


spy = Spy(db)
m.search(spy, "needle42")
m.in_city(spy, "needle42")
m.rename(spy, 4, "needle42")
m.by_ids(spy, [424242])
assert not any("needle42" in sql or "424242" in sql for sql in seen), seen
