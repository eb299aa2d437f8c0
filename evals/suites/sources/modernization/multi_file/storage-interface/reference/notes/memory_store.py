class MemoryStore:
    def __init__(self):
        self._notes = {}
        self._last = 0

    def add(self, title, body):
        self._last += 1
        self._notes[self._last] = (title, body)
        return self._last

    def get(self, note_id):
        return self._notes[note_id]

    def all(self):
        return [(note_id, title, body) for note_id, (title, body) in sorted(self._notes.items())]

    def remove(self, note_id):
        return self._notes.pop(note_id, None) is not None
