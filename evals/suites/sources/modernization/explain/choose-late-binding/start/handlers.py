def handlers():
    out = []
    for offset in range(3):
        out.append(lambda value: value + offset)
    return out
