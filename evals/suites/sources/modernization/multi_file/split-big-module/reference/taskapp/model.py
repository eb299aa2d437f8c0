class Task:
    def __init__(self, title, priority=3, done=False, tags=()):
        if not 1 <= priority <= 5:
            raise ValueError(f"priority {priority!r}")
        self.title, self.priority, self.done, self.tags = title, priority, done, set(tags)


class TaskList:
    def __init__(self, tasks=()):
        self.tasks = list(tasks)

    def add(self, title, **more):
        task = Task(title, **more)
        self.tasks.append(task)
        return task

    def open(self):
        return sorted((t for t in self.tasks if not t.done), key=lambda t: (t.priority, t.title))

    def tagged(self, tag):
        return [t for t in self.tasks if tag in t.tags]
