import inspect

from checklib import *

import client
from client import Busy, Client

assert len(walk("client.py", ast.Try)) == 1, "the loop exists more than once"
loops = [n for n in walk("client.py", ast.While, ast.For)]
assert len(loops) == 1, "the loop exists more than once"
for name in ("read", "write", "delete", "ping"):
    node = functions("client.py")[name]
    assert any("retry" in ast.unparse(d) for d in node.decorator_list), f"{name} is not decorated"
assert callable(client.retry)
same(str(inspect.signature(Client.write)), "(self, key, value, *, force=False)")
same(str(inspect.signature(Client.delete)), "(self, *keys)")
same([getattr(Client, n).__name__ + ": " + getattr(Client, n).__doc__ for n in ("read", "ping")], ["read: Value of a key.", "ping: Whether somebody answers."])


def play(answers, method, *args, **kwargs):
    calls, pauses, left = [], [], iter(answers)

    def wire(*words):
        calls.append(words)
        answer = next(left)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    c = Client(wire, pauses.append)
    try:
        result = getattr(c, method)(*args, **kwargs)
    except Exception as exc:
        result = exc
    return result, calls, pauses, c.log


same(play([7], "read", "k"), (7, [("read", "k")], [], []))
busy, gone, late = Busy("b"), ConnectionResetError("c"), TimeoutError("t")
same(play([busy, gone, None], "read", "k"), (None, [("read", "k")] * 3, [2, 4], ["read: Busy", "read: ConnectionResetError"]))
result, calls_, pauses, log = play([busy, busy, gone], "read", "k")
assert result is gone and len(calls_) == 3 and pauses == [2, 4] and len(log) == 3
assert play([late], "read", "k")[0] is late and play([late], "read", "k")[2:] == ([], [])
same(play([busy] * 4 + ["ok"], "write", "k", 1), ("ok", [("write", "k", 1)] * 5, [2, 4, 8, 16], ["write: Busy"] * 4))
assert play([busy] * 5, "write", "k", value=1)[0] is busy
same(play([busy, "ok"], "write", key="k", value=2, force=True)[1], [("force", "k", 2)] * 2)
assert play([gone], "write", "k", 1)[0] is gone and play([gone], "write", "k", 1)[3] == []
same(play([1, gone, 1, 1], "delete", "a", "b"), (2, [("delete", "a"), ("delete", "b"), ("delete", "a"), ("delete", "b")], [1], ["delete: ConnectionResetError"]))
assert play([gone, gone], "delete", "a")[0] is gone
same(play([], "delete"), (0, [], [], []))
same(play([late, busy, 0], "ping"), (True, [("ping",)] * 3, [1, 1], ["ping: TimeoutError", "ping: Busy"]))
assert play([KeyError("x")], "ping")[3] == []
calls_ = []


class Own:
    def __init__(self):
        self.sleep, self.log = calls_.append, []

    @client.retry(times=3, on=KeyError, wait=lambda n: n * 10)
    def go(self, a, *, b=1):
        """Doc."""
        raise KeyError(a + b)


same(str(error(KeyError, Own().go, 1, b=2)), "3")
same(calls_, [10, 20])
