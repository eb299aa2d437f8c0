from contextlib import contextmanager

from vault import lock, storage


@contextmanager
def _locked(name, owner):
    lock.acquire(name, owner)
    try:
        yield
    finally:
        lock.release(name)


def read(name, owner):
    with _locked(name, owner):
        return storage.load(name).decode("utf-8")


def write(name, text, owner):
    with _locked(name, owner):
        storage.save(name, text.encode("utf-8"))
