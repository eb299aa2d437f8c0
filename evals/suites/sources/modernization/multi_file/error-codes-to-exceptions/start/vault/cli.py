from vault import service


def main(argv, out):
    if len(argv) == 3 and argv[0] == "get":
        ok, text = service.read(argv[1], argv[2])
    elif len(argv) == 4 and argv[0] == "put":
        ok, text = service.write(argv[1], argv[3], argv[2])
        if ok:
            text = "stored"
    else:
        out("usage: get NAME OWNER | put NAME OWNER TEXT")
        return 3
    if ok:
        out(text)
        return 0
    out("error: " + text)
    if text.startswith("no file"):
        return 1
    if text.startswith("locked"):
        return 2
    return 3
