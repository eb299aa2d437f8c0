import contextlib
import io

from checklib import *

assert not {"optparse", "getopt"} & imports("backup_cli.py") and "argparse" in imports("backup_cli.py")
assert any(c.endswith("add_argument") for c in calls("backup_cli.py"))
from backup_cli import parse


def code_of(*argv):
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return error(SystemExit, parse, list(argv)).code


def facts(*argv):
    p = parse(argv)
    return p.command, list(p.paths), p.level, list(p.exclude), p.verbose, p.dry_run, p.since


same(facts("list"), ("list", [], 3, [], 0, False, None))
same(facts("save", "a", "b"), ("save", ["a", "b"], 3, [], 0, False, None))
same(facts("-vv", "save", "-x", "*.o", "a", "--exclude=*.tmp", "b", "-v"), ("save", ["a", "b"], 3, ["*.o", "*.tmp"], 3, False, None))
same(facts("--level", "0", "restore"), ("restore", [], 0, [], 0, False, None))
same(facts("-l9", "restore", "x"), ("restore", ["x"], 9, [], 0, False, None))
same(facts("-n", "save"), ("save", [], 3, [], 0, True, None))
same(facts("-n", "--no-dry-run", "save"), ("save", [], 3, [], 0, False, None))
same(facts("--since=-3d", "save", "a"), ("save", ["a"], 3, [], 0, False, "-3d"))
same(facts("save", "-s", "-3d", "a"), ("save", ["a"], 3, [], 0, False, "-3d"))
same(facts("save", "--since", "2024-01-01"), ("save", [], 3, [], 0, False, "2024-01-01"))
for wrong in ([], ["burn"], ["-l", "10", "save"], ["--level=-1", "save"], ["-l", "x", "save"], ["--nope", "save"]):
    same(code_of(*wrong), 2)
same(code_of("--version"), 0)
first = parse(["save", "-x", "q"])
same(list(parse(["save"]).exclude), [])
same(list(first.exclude), ["q"])
