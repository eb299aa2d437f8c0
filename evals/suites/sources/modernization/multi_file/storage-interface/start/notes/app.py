import sqlite3

from notes import search


class App:
    def __init__(self, connection):
        self.db = connection
        self.db.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, body TEXT)")

    def new(self, title, body=""):
        title = title.strip()
        if not title:
            raise ValueError("no title")
        cur = self.db.execute("INSERT INTO note (title, body) VALUES (?, ?)", (title, body))
        self.db.commit()
        return cur.lastrowid

    def show(self, note_id):
        row = self.db.execute("SELECT title, body FROM note WHERE id = ?", (note_id,)).fetchone()
        if row is None:
            return "no note %d" % note_id
        return "%s\n%s" % row

    def drop(self, *ids):
        n = 0
        for note_id in ids:
            n += self.db.execute("DELETE FROM note WHERE id = ?", (note_id,)).rowcount
        self.db.commit()
        return n

    def titles(self, word=None):
        if word:
            return [t for _, t in search.find(self.db, word)]
        return [r[0] for r in self.db.execute("SELECT title FROM note ORDER BY id")]
