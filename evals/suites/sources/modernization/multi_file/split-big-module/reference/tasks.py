from taskapp import Task, TaskList, dump, parse, summary, table

__all__ = ["Task", "TaskList", "dump", "parse", "summary", "table"]
