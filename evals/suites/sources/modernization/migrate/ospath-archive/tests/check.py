import os
from pathlib import Path

from checklib import *

assert not {"glob", "os.path", "shutil"} & imports("archive.py"), "old modules"
assert not has(r"\bos\.(path|listdir|walk|makedirs|scandir|sep|rename)\b", "archive.py"), "old calls"
assert "open" not in {c for c in calls("archive.py")}, "open() is not needed"
import archive

root = Path("data")
(root / "sub" / "deep").mkdir(parents=True)
for name in ("b.log", "A.log", "c.LOG", "note.txt", "x.tar.gz", ".hidden.log"):
    (root / name).write_text("  " + name + "\n")
(root / "sub" / "deep" / "f.bin").write_bytes(b"1234567")
(root / "sub" / "link").symlink_to(root.resolve() / "b.log")
(root / "sub.txt").mkdir()
for kind in (str, Path):
    got = archive.backup_name(kind("data/x.tar.gz"), "2024")
    assert isinstance(got, Path) and got == Path("data/x.tar-2024.gz"), got
    assert archive.backup_name(kind("plain"), "1") == Path("plain-1")
    found = archive.logs(kind("data"))
    assert all(isinstance(p, Path) for p in found)
    assert [p.name for p in found] == ["A.log", "b.log"], found
    assert found[0] == Path("data/A.log")
    assert archive.tree_size(kind("data")) == 7 + sum(len(n) + 3 for n in ("b.log", "A.log", "c.LOG", "note.txt", "x.tar.gz", ".hidden.log"))
    same(list(archive.relative_parts(kind("data/sub/deep/f.bin"), kind("data"))), ["sub", "deep", "f.bin"])
    same(archive.read_notes(kind("data")), {"note": "note.txt"})
moved = archive.move_into("data/b.log", Path("new/place"))
assert moved == Path("new/place/b.log") and moved.read_text() == "  b.log\n" and not Path("data/b.log").exists()
Path("other").mkdir()
Path("other/b.log").write_text("other")
assert "already there: b.log" in str(error(OSError, archive.move_into, Path("other/b.log"), "new/place"))
assert Path("other/b.log").read_text() == "other" and moved.read_text() == "  b.log\n"
