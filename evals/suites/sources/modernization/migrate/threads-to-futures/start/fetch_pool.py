import queue
import threading


class _Worker(threading.Thread):
    def __init__(self, todo, results, lock, on_done):
        threading.Thread.__init__(self)
        self.daemon = True
        self.todo = todo
        self.results = results
        self.lock = lock
        self.on_done = on_done

    def run(self):
        while True:
            try:
                index, job = self.todo.get_nowait()
            except queue.Empty:
                return
            try:
                result = job()
            except BaseException as exc:
                result = exc
            self.lock.acquire()
            try:
                self.results[index] = result
                if self.on_done is not None:
                    self.on_done(index, result)
            finally:
                self.lock.release()


def run_all(jobs, workers=4, on_done=None):
    if workers < 1:
        raise ValueError("workers must be at least 1")
    todo = queue.Queue()
    n = 0
    for index, job in enumerate(jobs):
        todo.put((index, job))
        n += 1
    results = [None] * n
    lock = threading.Lock()
    threads = [_Worker(todo, results, lock, on_done) for _ in range(min(workers, n))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def first_ok(jobs):
    for result in run_all(jobs):
        if not isinstance(result, BaseException):
            return result
    raise LookupError("no job succeeded")
