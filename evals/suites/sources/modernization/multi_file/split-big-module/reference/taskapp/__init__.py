from taskapp.model import Task, TaskList
from taskapp.storage import dump, parse
from taskapp.views import summary, table

__all__ = ["Task", "TaskList", "dump", "parse", "summary", "table"]
