from checklib import *

from vault import cli, errors, lock, service, storage
from vault.errors import Invalid, Locked, NotFound, VaultError

assert all(issubclass(e, VaultError) for e in (NotFound, Locked, Invalid)) and issubclass(VaultError, Exception)
for path in ("vault/storage.py", "vault/lock.py", "vault/service.py"):
    for handler in walk(path, ast.ExceptHandler):
        caught = ast.unparse(handler.type) if handler.type else "Exception"
        assert not re.search("Exception|VaultError|NotFound|Locked|Invalid", caught), f"{path} catches {caught}"
    for function in functions(path).values():
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                assert ast.unparse(node.value) not in {"-1", "-2", "False"}, f"{path}: code returned"
assert "startswith" not in names("vault/cli.py"), "the code is still read out of the text"
same(storage.save("a", b"xyz"), 3)
same(storage.load("a"), b"xyz")
same(storage.save("max", bytes(1000)), 1000)
same(str(error(NotFound, storage.load, "q")), "no file q")
same(str(error(Invalid, storage.save, "", b"")), "bad name ''")
same(str(error(Invalid, storage.save, "a/b", b"")), "bad name 'a/b'")
same(str(error(Invalid, storage.save, "a", bytes(1001))), "too large")
same(lock.acquire("a", "ann"), None)
same(lock.acquire("a", "ann"), None)
same(str(error(Locked, lock.acquire, "a", "bob")), "locked by ann")
same(str(error(Locked, service.read, "a", "bob")), "locked by ann")
same(lock.holder("a"), "ann")
same(str(error(Locked, service.write, "a", "t", "bob")), "locked by ann")
same(lock.holder("a"), "ann")
same(storage.load("a"), b"xyz")
same(service.read("a", "ann"), "xyz")
same(lock.holder("a"), None)
same(service.write("b", "é", "bob"), None)
same(service.read("b", "ann"), "é")
assert raises(NotFound, service.read, "none", "ann") and lock.holder("none") is None, "the lock is kept after an error"
assert raises(Invalid, service.write, "x/y", "t", "ann") and lock.holder("x/y") is None
storage.save("bin", b"\xff")
assert raises(UnicodeDecodeError, service.read, "bin", "ann") and lock.holder("bin") is None
said = []


def run(*argv):
    del said[:]
    return cli.main(list(argv), said.append), *said


same(run("get", "b", "x"), (0, "é"))
same(run("put", "c", "x", "text"), (0, "stored"))
same(run("get", "c", "x"), (0, "text"))
same(run("get", "zz", "x"), (1, "error: no file zz"))
lock.acquire("c", "me")
same(run("get", "c", "x"), (2, "error: locked by me"))
same(run("put", "no file", "x", "t"), (0, "stored"))
lock.release("c")
same(run("put", "a/", "x", "t"), (3, "error: bad name 'a/'"))
same(run("put", "a", "x", "t" * 1001), (3, "error: too large"))
same(run("get", "a"), (3, "usage: get NAME OWNER | put NAME OWNER TEXT"))
lock.acquire("k", "no file")
same(run("get", "k", "x"), (2, "error: locked by no file"))
