from vault import service
from vault.errors import Invalid, Locked, NotFound, VaultError

CODES = {NotFound: 1, Locked: 2, Invalid: 3}


def main(argv, out):
    try:
        text = _run(argv)
    except VaultError as exc:
        out(f"error: {exc}")
        return CODES[type(exc)]
    if text is None:
        out("usage: get NAME OWNER | put NAME OWNER TEXT")
        return 3
    out(text)
    return 0


def _run(argv):
    match argv:
        case ["get", name, owner]:
            return service.read(name, owner)
        case ["put", name, owner, text]:
            service.write(name, text, owner)
            return "stored"
    return None
