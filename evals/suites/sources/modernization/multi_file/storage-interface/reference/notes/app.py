from notes import search


class App:
    def __init__(self, store):
        self.store = store

    def new(self, title, body=""):
        title = title.strip()
        if not title:
            raise ValueError("no title")
        return self.store.add(title, body)

    def show(self, note_id):
        try:
            title, body = self.store.get(note_id)
        except KeyError:
            return f"no note {note_id}"
        return f"{title}\n{body}"

    def drop(self, *ids):
        return sum(self.store.remove(note_id) for note_id in ids)

    def titles(self, word=None):
        if word:
            return [title for _, title in search.find(self.store, word)]
        return [title for _, title, _ in self.store.all()]
