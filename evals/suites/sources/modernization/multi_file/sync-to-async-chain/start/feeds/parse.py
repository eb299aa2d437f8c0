def titles(text):
    return [line[6:].strip() for line in text.splitlines() if line.startswith("title:")]
