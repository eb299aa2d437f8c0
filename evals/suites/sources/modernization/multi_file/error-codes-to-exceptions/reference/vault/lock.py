from vault.errors import Locked

_held = {}


def acquire(name, owner):
    if _held.get(name, owner) != owner:
        raise Locked(f"locked by {_held[name]}")
    _held[name] = owner


def release(name):
    _held.pop(name, None)


def holder(name):
    return _held.get(name)
