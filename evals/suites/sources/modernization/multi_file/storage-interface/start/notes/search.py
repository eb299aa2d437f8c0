def find(db, word):
    """(id, title) of notes with the word in title or body, hits in the title first, then by id. Case is ignored."""
    word = word.lower()
    hits = []
    for note_id, title, body in db.execute("SELECT id, title, body FROM note"):
        if word in title.lower():
            hits.append((0, note_id, title))
        elif word in body.lower():
            hits.append((1, note_id, title))
    return [(note_id, title) for _, note_id, title in sorted(hits)]
