import logging
import sys
from pathlib import Path

from checklib import *

for path in map(str, Path("worker").glob("*.py")):
    assert "print" not in calls(path) and not {"VERBOSE", "say", "whisper"} & names(path), path
    for call in walk(path, ast.Call):
        if ast.unparse(call.func) in {f"log.{n}" for n in ("debug", "info", "warning", "error", "exception")}:
            assert isinstance(call.args[0], ast.Constant), f"{path}: not lazy: {ast.unparse(call)}"
from worker import disk, jobs, output

same([jobs.log.name, disk.log.name], ["worker.jobs", "worker.disk"])
assert not any(hasattr(output, n) for n in ("VERBOSE", "say", "whisper"))
assert not logging.getLogger().handlers, "the root logger was configured on import"
seen = []


class Keep(logging.Handler):
    def emit(self, record):
        seen.append((record.levelname, record.name, record.getMessage()))


def play(function, *args):
    del seen[:]
    return function(*args), *seen


logger = logging.getLogger("worker")
keep = Keep()
logger.addHandler(keep)
logger.setLevel(logging.DEBUG)


def fail():
    raise ValueError("50% broken %s")


same(play(jobs.run, [("a", int), ("b", fail)]), (1, ("DEBUG", "worker.jobs", "start a"), ("DEBUG", "worker.jobs", "start b"),
     ("ERROR", "worker.jobs", "b failed: 50% broken %s"), ("INFO", "worker.jobs", "1 of 2 jobs done")))
d = "worker.disk"
same(play(disk.check, 3, 100), (False, ("DEBUG", d, "3 of 100 bytes free"), ("ERROR", d, "disk full (3%)")))
same(play(disk.check, 19, 100), (True, ("DEBUG", d, "19 of 100 bytes free"), ("WARNING", d, "disk nearly full (19%)"), ("INFO", d, "disk checked")))
same(play(disk.check, 20, 100), (True, ("DEBUG", d, "20 of 100 bytes free"), ("DEBUG", d, "disk fine"), ("INFO", d, "disk checked")))
logger.removeHandler(keep)
for verbose, level in ((False, logging.INFO), (True, logging.DEBUG), (False, logging.INFO)):
    output.setup(verbose=verbose)
    same(int(logger.level), int(level))
    same(len(logger.handlers), 1)
handler = logger.handlers[0]
assert isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr
same(handler.format(logging.LogRecord("n", 30, "", 1, "x %s", ("y",), None)), "WARNING x y")
assert not logging.getLogger().handlers, "the root logger was configured"
