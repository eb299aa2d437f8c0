from concurrent.futures import ThreadPoolExecutor, as_completed


def _outcome(job):
    try:
        return job()
    except BaseException as exc:
        return exc


def run_all(jobs, workers=4, on_done=None):
    if workers < 1:
        raise ValueError("workers must be at least 1")
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = {pool.submit(_outcome, job): index for index, job in enumerate(jobs)}
        results = [None] * len(futures)
        for future in as_completed(futures):
            index = futures[future]
            results[index] = future.result()
            if on_done is not None:
                on_done(index, results[index])
    return results


def first_ok(jobs):
    for result in run_all(jobs):
        if not isinstance(result, BaseException):
            return result
    raise LookupError("no job succeeded")
