import json


class Task:
    def __init__(self, title, priority=3, done=False, tags=()):
        if not 1 <= priority <= 5:
            raise ValueError("priority %r" % priority)
        self.title, self.priority, self.done, self.tags = title, priority, done, set(tags)

    def as_json(self):
        return json.dumps({"title": self.title, "priority": self.priority, "done": self.done, "tags": sorted(self.tags)})

    def __str__(self):
        return "[%s] %s" % ("x" if self.done else " ", self.title)


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

    def save(self):
        return "\n".join(t.as_json() for t in self.tasks)

    @classmethod
    def load(cls, text):
        out = cls()
        for line in text.splitlines():
            if line.strip():
                row = json.loads(line)
                out.add(row.pop("title"), **row)
        return out

    def table(self):
        width = max([len(t.title) for t in self.tasks], default=0)
        return "\n".join("%s %s" % (str(t).ljust(width + 4), "!" * (6 - t.priority)) for t in self.tasks)

    def summary(self):
        return "%d of %d done" % (sum(t.done for t in self.tasks), len(self.tasks))
