_files = {}


def load(name):
    if name not in _files:
        return None
    return _files[name]


def save(name, data):
    if not name or "/" in name:
        return -1
    if len(data) > 1000:
        return -2
    _files[name] = bytes(data)
    return len(data)
