from pathlib import Path


def backup_name(path, stamp):
    path = Path(path)
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")


def logs(folder):
    found = (p for p in Path(folder).glob("*.log") if not p.name.startswith("."))
    return sorted(found, key=lambda p: p.name.lower())


def tree_size(folder):
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file() and not p.is_symlink())


def move_into(path, target):
    path, target = Path(path), Path(target)
    target.mkdir(parents=True, exist_ok=True)
    new = target / path.name
    if new.exists():
        raise OSError(f"already there: {new.name}")
    return path.rename(new)


def relative_parts(path, root):
    return list(Path(path).relative_to(root).parts)


def read_notes(folder):
    files = sorted(p for p in Path(folder).iterdir() if p.is_file() and p.suffix == ".txt")
    return {p.stem: p.read_text().strip() for p in files}
