def _text(task):
    return f"[{'x' if task.done else ' '}] {task.title}"


def table(tasks):
    width = max([len(t.title) for t in tasks.tasks], default=0)
    return "\n".join(f"{_text(t).ljust(width + 4)} {'!' * (6 - t.priority)}" for t in tasks.tasks)


def summary(tasks):
    return f"{sum(t.done for t in tasks.tasks)} of {len(tasks.tasks)} done"
