"""Measures models on code tasks, and publishes what they are good for.

result = run_suite(router, "coding", "own", folder="routerkit-data")
print(table(summarise(result.rows)))
publish(result.rows, Path("scorecard.json"))
"""

from routerkit.intervals import wilson
from routerkit.store import SAMPLES
from routerkit_evals.canary import open_sandbox
from routerkit_evals.errors import EvalError, SandboxUnavailableError, TaskError
from routerkit_evals.execution import Execution, Limits, Program, Verdict
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.paired import Comparison, compare
from routerkit_evals.progress import showing
from routerkit_evals.publish import publish, scorecard_of
from routerkit_evals.runner import Progress, RunResult
from routerkit_evals.sample import Sample
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.sources import tasks_of
from routerkit_evals.statistics import Lost, Summary, lost, summarise, table
from routerkit_evals.store import read_samples
from routerkit_evals.suite import Options, run_suite
from routerkit_evals.task import Task, load_tasks

__all__ = [
    "SAMPLES",
    "Comparison",
    "EvalError",
    "Execution",
    "Grade",
    "Grader",
    "Limits",
    "Lost",
    "Options",
    "Program",
    "Progress",
    "RunResult",
    "Sample",
    "Sandbox",
    "SandboxUnavailableError",
    "Summary",
    "Task",
    "TaskError",
    "Verdict",
    "compare",
    "load_tasks",
    "lost",
    "open_sandbox",
    "publish",
    "read_samples",
    "run_suite",
    "scorecard_of",
    "showing",
    "summarise",
    "table",
    "tasks_of",
    "wilson",
]
