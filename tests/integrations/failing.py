"""Strict servers that answer every request with the same fault, each in its own format's words."""

from __future__ import annotations

import json

from tests.servers.fault import Fault
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_gemini import StrictGemini
from tests.servers.strict_openai import StrictOpenAI

SERVERS: dict[str, type[StrictOpenAI]] = {"openai": StrictOpenAI, "anthropic": StrictAnthropic, "gemini": StrictGemini}
"""By the name of litellm's provider for the format."""
_ERRORS = {
    ("openai", 429): {"error": {"message": "slow down", "type": "rate_limit_error"}},
    ("openai", 503): {"error": {"message": "busy", "type": "server_error"}},
    ("anthropic", 429): {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    ("anthropic", 503): {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
    ("gemini", 429): {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}},
    ("gemini", 503): {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}},
}
_STATUS = {"limited": 429, "busy": 503}
FAULTS = (*_STATUS, "cut")
"""Rate limited, overloaded, and a connection that breaks before the first content."""


def fault_of(kind: str, name: str) -> Fault:
    """One of `FAULTS` in a format's words."""
    if name == "cut":
        return Fault(cut_after=0 if kind == "gemini" else 1, cut_by="rst")  # Gemini's first event has content
    return Fault(status=_STATUS[name], body=json.dumps(_ERRORS[kind, _STATUS[name]]).encode())


def failing(kind: str, name: str) -> StrictOpenAI:
    """A server, not yet running, whose every answer has that fault."""
    fault = fault_of(kind, name)

    class Failing(SERVERS[kind]):  # type: ignore[misc]  # a base that is chosen at run time
        def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
            super()._note(path, headers, raw)
            return fault

    return Failing()
