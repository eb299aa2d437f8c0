from pathlib import Path


def rotate(folder, keep=3):
    out = []
    paths = (p for p in Path(folder).iterdir() if p.name.endswith(".log") and not p.name.startswith(".") and p.is_file())
    for path in sorted(paths, key=lambda p: p.name):
        content = path.read_bytes()
        if not content:
            out.append(f"skip {path.name}")
            continue
        shift(path, keep)
        errors = sum(b"ERROR" in line for line in content.split(b"\n"))
        path.rename(numbered(path, 1))
        path.touch()
        out.append(f"rotated {path.name} ({errors} errors)")
    return out


def numbered(path, number):
    return path.with_name(f"{path.name}.{number}")


def shift(path, keep):
    numbered(path, keep).unlink(missing_ok=True)
    for number in range(keep - 1, 0, -1):
        old = numbered(path, number)
        if old.exists():
            old.rename(numbered(path, number + 1))
