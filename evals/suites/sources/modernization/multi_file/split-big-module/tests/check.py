from checklib import *

model, storage, views = "taskapp/model.py", "taskapp/storage.py", "taskapp/views.py"


def package_imports(path):
    return {i.lstrip(".").removeprefix("taskapp").strip(".").split(".")[0] for i in imports(path) if i.startswith((".", "taskapp"))} - {""}


assert package_imports(model) == set(), "model imports from the package"
assert package_imports(storage) <= {"model", "Task", "TaskList"} and package_imports(views) <= {"model", "Task", "TaskList"}
assert "json" not in imports(model) | imports(views)
assert not {"save", "load", "table", "summary", "as_json", "dump", "parse"} & set(functions(model)), "model still stores or shows"
assert not {"Task", "TaskList"} & (set(classes(storage)) | set(classes(views)))
assert not walk("tasks.py", ast.FunctionDef, ast.ClassDef, ast.Lambda) and "taskapp" in {i.split(".")[0] for i in imports("tasks.py")}
import taskapp
import tasks
from taskapp.model import Task, TaskList
from taskapp.storage import dump, parse
from taskapp.views import summary, table

for name, thing in (("Task", Task), ("TaskList", TaskList), ("dump", dump), ("parse", parse), ("summary", summary), ("table", table)):
    assert getattr(taskapp, name) is thing and getattr(tasks, name) is thing, name
a = TaskList()
t = a.add("wash", priority=2, tags=["home", "a"])
a.add("buy milk", done=True)
a.add("abc", priority=2)
same([x.title for x in a.open()], ["abc", "wash"])
same(a.tagged("home"), [t])
assert raises(ValueError, Task, "x", 6) and raises(ValueError, a.add, "x", priority=0) and len(a.tasks) == 3
text = dump(a)
same(text.splitlines()[0], '{"title": "wash", "priority": 2, "done": false, "tags": ["a", "home"]}')
same(len(text.splitlines()), 3)
b = parse(text + "\n\n")
same(type(b), TaskList)
same(dump(b), text)
same(table(a), "[ ] wash     !!!!\n[x] buy milk !!!\n[ ] abc      !!!!")
same(table(TaskList()), "")
same([summary(a), summary(TaskList())], ["1 of 3 done", "0 of 0 done"])
same(b.tasks[0].tags, {"a", "home"})
same(TaskList([t]).tasks, [t])
