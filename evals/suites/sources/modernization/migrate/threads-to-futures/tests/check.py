import threading

from checklib import *

used = imports("fetch_pool.py")
assert not {"threading", "queue", "_thread", "multiprocessing"} & used, used
assert "ThreadPoolExecutor" in names("fetch_pool.py")
import fetch_pool as f


def fail(exc):
    raise exc


same(f.run_all([]), [])
same(f.run_all(iter([lambda: 1, lambda: 2])), [1, 2])
boom = KeyError("x")
leave = SystemExit(3)
got = f.run_all([lambda: "a", lambda: fail(boom), lambda: fail(leave), lambda: None], workers=2)
assert got[0] == "a" and got[1] is boom and got[2] is leave and got[3] is None, got
assert raises(ValueError, f.run_all, [], 0) and raises(ValueError, f.run_all, [lambda: 1], -1)

# Three jobs that only end together: workers must really run side by side.
meet = threading.Barrier(3, timeout=5)
same(f.run_all([lambda i=i: (meet.wait(), i)[1] for i in range(3)], workers=3), [0, 1, 2])

lock, live, peak, busy, seen, overlap = threading.Lock(), [0], [0], [0], [], []
pause = threading.Event()


def job(i):
    with lock:
        live[0] += 1
        peak[0] = max(peak[0], live[0])
    pause.wait(0.004)
    with lock:
        live[0] -= 1
    if i % 5 == 0:
        raise ValueError(i)
    return i * i


def done(index, result):
    busy[0] += 1
    if busy[0] != 1:
        overlap.append(index)
    pause.wait(0.001)
    seen.append((index, result))
    busy[0] -= 1


results = f.run_all([lambda i=i: job(i) for i in range(24)], workers=3, on_done=done)
assert 2 <= peak[0] <= 3, peak
assert not overlap, overlap
assert sorted(i for i, _ in seen) == list(range(24)) and all(results[i] is r for i, r in seen)
assert [r if not isinstance(r, ValueError) else "E" for r in results] == ["E" if i % 5 == 0 else i * i for i in range(24)]

# on_done comes as jobs end, not in the order of the jobs and not all at the very end.
gate, order = threading.Event(), []
f.run_all([lambda: gate.wait(5), lambda: 7], workers=2, on_done=lambda i, r: (order.append((i, r)), gate.set()))
same(order, [(1, 7), (0, True)])

same(f.first_ok([lambda: fail(boom), lambda: "b", lambda: "c"]), "b")
same(str(error(LookupError, f.first_ok, [lambda: fail(leave)])), "no job succeeded")
assert raises(LookupError, f.first_ok, [])
assert threading.active_count() == 1, "threads are left behind"
