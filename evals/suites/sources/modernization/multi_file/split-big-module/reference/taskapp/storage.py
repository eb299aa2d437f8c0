import json

from taskapp.model import TaskList


def dump(tasks):
    return "\n".join(_line(t) for t in tasks.tasks)


def _line(task):
    return json.dumps({"title": task.title, "priority": task.priority, "done": task.done, "tags": sorted(task.tags)})


def parse(text):
    out = TaskList()
    for line in text.splitlines():
        if line.strip():
            row = json.loads(line)
            out.add(row.pop("title"), **row)
    return out
