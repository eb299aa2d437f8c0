from vault.errors import Invalid, NotFound

_files = {}


def load(name):
    if name not in _files:
        raise NotFound(f"no file {name}")
    return _files[name]


def save(name, data):
    if not name or "/" in name:
        raise Invalid(f"bad name {name!r}")
    if len(data) > 1000:
        raise Invalid("too large")
    _files[name] = bytes(data)
    return len(data)
