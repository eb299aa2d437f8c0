_held = {}


def acquire(name, owner):
    if _held.get(name, owner) != owner:
        return False
    _held[name] = owner
    return True


def release(name):
    _held.pop(name, None)


def holder(name):
    return _held.get(name)
