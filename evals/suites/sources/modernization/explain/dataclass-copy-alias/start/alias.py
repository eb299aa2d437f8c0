import copy
from dataclasses import dataclass, field, replace


@dataclass
class Job:
    name: str
    tags: list = field(default_factory=list)
    runs: int = 0


def demo():
    first = Job("a", ["x"])
    second = replace(first, runs=3)
    third = copy.deepcopy(first)
    second.tags.append("y")
    return first.tags, second.tags, third.tags, second.tags is first.tags, second.runs - first.runs
