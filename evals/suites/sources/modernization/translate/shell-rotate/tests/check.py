from pathlib import Path

from checklib import *

assert not {"subprocess", "pty", "commands"} & {m.split(".")[0] for m in imports("rotate.py")}
assert not {"system", "popen", "spawnl"} & names("rotate.py")
from rotate import rotate

import os

here = os.getcwd()
d = Path("logs dir")
d.mkdir()


def files():
    return {p.name: p.read_text() for p in sorted(d.iterdir()) if p.is_file()}


(d / "b b.log").write_text("ERROR one\nfine\nERROR ERROR two\nno newline ERROR")
(d / "B.log").write_text("error\n")
(d / "empty.log").write_text("")
(d / ".hidden.log").write_text("ERROR\n")
(d / "other.txt").write_text("x")
(d / "dir.log").mkdir()
(d / "b b.log.2").write_text("two")
(d / "b b.log.3").write_text("three")
(d / "B.log.1").write_text("one")
same(rotate(str(d)), ["rotated B.log (0 errors)", "rotated b b.log (3 errors)", "skip empty.log"])
same(files(), {"b b.log": "", "b b.log.1": "ERROR one\nfine\nERROR ERROR two\nno newline ERROR", "b b.log.3": "two", "B.log": "", "B.log.1": "error\n",
               "B.log.2": "one", "empty.log": "", ".hidden.log": "ERROR\n", "other.txt": "x"})
same(os.getcwd(), here)
same(rotate(d), ["skip B.log", "skip b b.log", "skip empty.log"])
(d / "B.log").write_bytes(b"ERROR \xff\n\n")
same(rotate(d, keep=2), ["rotated B.log (1 errors)", "skip b b.log", "skip empty.log"])
same((d / "B.log.1").read_bytes(), b"ERROR \xff\n\n")
same((d / "B.log.2").read_text(), "error\n")
assert not (d / "B.log.3").exists()
(d / "B.log").write_text("x")
same(rotate(d, 1)[0], "rotated B.log (0 errors)")
same([(d / "B.log.1").read_text(), (d / "B.log.2").read_text()], ["x", "error\n"])
assert (d / "dir.log").is_dir()
assert raises(FileNotFoundError, rotate, "nowhere")
Path("none").mkdir()
same(rotate("none"), [])
