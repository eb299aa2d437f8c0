"""What the harness raises on purpose."""

from __future__ import annotations

from routerkit import RouterKitError


class EvalError(RouterKitError):
    """A command of the harness cannot go on; the message says why and what to do."""


class TaskError(EvalError):
    """A task file is wrong; the message names file, line and field."""


class SandboxUnavailableError(EvalError):
    """No sandbox works here, so nothing a model wrote is run."""


class SandboxFailureError(EvalError):
    """The sandbox itself broke during one run; says nothing about the answer that was running."""


class WithheldError(EvalError):
    """The guardrails let nothing of what was measured be published; not a failure of what measured it."""
