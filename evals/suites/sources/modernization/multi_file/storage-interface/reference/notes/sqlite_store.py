class SqliteStore:
    def __init__(self, connection):
        self._db = connection
        self._db.execute("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, body TEXT)")

    def add(self, title, body):
        with self._db:
            return self._db.execute("INSERT INTO note (title, body) VALUES (?, ?)", (title, body)).lastrowid

    def get(self, note_id):
        row = self._db.execute("SELECT title, body FROM note WHERE id = ?", (note_id,)).fetchone()
        if row is None:
            raise KeyError(note_id)
        return row

    def all(self):
        return self._db.execute("SELECT id, title, body FROM note ORDER BY id").fetchall()

    def remove(self, note_id):
        with self._db:
            return self._db.execute("DELETE FROM note WHERE id = ?", (note_id,)).rowcount == 1
