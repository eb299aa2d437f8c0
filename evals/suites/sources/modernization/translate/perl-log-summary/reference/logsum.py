import re

LINE = re.compile(r'(\S+)\s+"(GET|POST)\s+([^"?\s]+)(?:\?[^"]*)?"\s+(\d{3})\s+(\d+|-)', re.ASCII)


def summary(lines):
    hits, sizes, last, bad = {}, {}, {}, 0
    for line in lines:
        line = line.removesuffix("\n")
        if re.match(r"\s*(#|$)", line):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            bad += 1
            continue
        host, verb, path, code, size = match.groups()
        path = re.sub("/+", "/", path)
        if len(path) > 1:
            path = path.removesuffix("/")
        key = path if verb == "GET" else f"{verb} {path}"
        hits[key] = hits.get(key, 0) + 1
        sizes[key] = sizes.get(key, 0) + (0 if size == "-" else int(size))
        if int(code) < 400:
            last[key] = host
    return _print(hits, sizes, last, bad)


def _print(hits, sizes, last, bad):
    out = []
    for key in sorted(hits, key=lambda k: (-hits[k], k)):
        host = last.get(key, "?")
        shown = "?" if host in ("", "0") else host
        out.append(f"{key:<20} {hits[key]:4d} {sizes[key] / hits[key]:8.1f} {shown}")
    if bad:
        out.append(f"bad: {bad}")
    by_size = sorted(sorted(sizes, reverse=True), key=sizes.get)
    big = [key for key in by_size if sizes[key] > 1000][-2:]
    if big:
        out.append(f"big: {' '.join(big)}")
    return out
