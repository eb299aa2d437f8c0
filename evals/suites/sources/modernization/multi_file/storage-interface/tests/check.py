import inspect
import sqlite3

from checklib import *

for path in ("notes/app.py", "notes/search.py", "notes/store.py", "notes/memory_store.py"):
    assert not any("sqlite" in i for i in imports(path)), f"{path} knows sqlite"
    assert "execute" not in names(path), f"{path} runs SQL"
for path in ("notes/app.py", "notes/search.py"):
    assert not {"isinstance", "MemoryStore", "SqliteStore"} & names(path)
assert "sqlite" not in "".join(imports("notes/memory_store.py"))
from notes import search, store
from notes.app import App
from notes.memory_store import MemoryStore
from notes.sqlite_store import SqliteStore

assert inspect.isclass(store.Store) and {"add", "get", "all", "remove"} <= set(vars(store.Store))
db = sqlite3.connect(":memory:")
for s in (MemoryStore(), SqliteStore(db)):
    same(s.all(), [])
    same([s.add("b", "x"), s.add("a", ""), s.add("c", "A?")], [1, 2, 3])
    same([s.get(1), s.get(3)], [("b", "x"), ("c", "A?")])
    assert raises(KeyError, s.get, 9)
    same(s.all(), [(1, "b", "x"), (2, "a", ""), (3, "c", "A?")])
    s.all().clear()
    same(len(s.all()), 3)
    same([s.remove(3), s.remove(3), s.remove(7)], [True, False, False])
    same(s.add("d", "y"), 4)
    same([row[0] for row in s.all()], [1, 2, 4])
    same(search.find(s, "A"), [(2, "a")])
    same(search.find(s, "Y"), [(4, "d")])
    assert [s.remove(i) for i in (1, 2, 4)] == [True] * 3 and s.add("again", "") == 5
    s.remove(5)
    app = App(s)
    same([app.new(" T1 ", "hello"), app.new("say HELLO"), app.new("t3")], [6, 7, 8])
    assert raises(ValueError, app.new, "  ")
    same([app.show(6), app.show(7), app.show(99)], ["T1\nhello", "say HELLO\n", "no note 99"])
    same([app.titles(), app.titles("hello"), app.titles("zz"), app.titles("")], [["T1", "say HELLO", "t3"], ["say HELLO", "T1"], [], ["T1", "say HELLO", "t3"]])
    same([app.drop(6, 6, 8, 55), app.titles(), app.drop()], [2, ["say HELLO"], 0])
    same(app.show(6), "no note 6")
assert not db.in_transaction
same(SqliteStore(db).all(), [(7, "say HELLO", "")])
assert MemoryStore().all() == [], "memory is shared"


class Third:
    """Somebody else's store."""

    def __init__(self):
        self.rows = {}

    def add(self, title, body):
        self.rows[len(self.rows) + 1] = (title, body)
        return len(self.rows)

    def get(self, note_id):
        return self.rows[note_id]

    def all(self):
        return [(i, *row) for i, row in sorted(self.rows.items())]

    def remove(self, note_id):
        return self.rows.pop(note_id, None) is not None


app = App(Third())
same([app.new("x", "y"), app.show(1), app.show(2), app.titles("Y"), app.drop(1, 2)], [1, "x\ny", "no note 2", ["x"], 1])
