from vault import lock, storage


def read(name, owner):
    if not lock.acquire(name, owner):
        return False, "locked by %s" % lock.holder(name)
    data = storage.load(name)
    lock.release(name)
    if data is None:
        return False, "no file %s" % name
    return True, data.decode("utf-8")


def write(name, text, owner):
    if not lock.acquire(name, owner):
        return False, "locked by %s" % lock.holder(name)
    n = storage.save(name, text.encode("utf-8"))
    lock.release(name)
    if n == -1:
        return False, "bad name %r" % name
    if n == -2:
        return False, "too large"
    return True, ""
