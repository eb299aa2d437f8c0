def wrap(text, width):
    """Lines of a text, at most `width` characters each.

    Words are separated by any white space; an empty line starts a paragraph, and paragraphs are separated by one empty line in the
    result. A word longer than a line starts on a line of its own and is cut into pieces of `width`. An empty text has no lines. A width
    below 1 raises ValueError.
    """
    if width < 1:
        raise ValueError("width must be at least 1")
    out = []
    for paragraph in text.split("\n\n"):
        lines = _lines(paragraph.split(), width)
        if lines:
            out += [""] * bool(out) + lines
    return out


def _lines(words, width):
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
            line = ""
        while len(word) > width:
            lines.append(word[:width])
            word = word[width:]
        line = word
    return [*lines, line] if line else lines
