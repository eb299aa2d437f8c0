"""routerkit: route every LLM call to the cheapest model that measurably does that kind of work on your own code.

Importing it loads the standard library only; `routerkit.load` brings in configuration when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from routerkit.catalog import CAPABILITIES, Pool, Price, Target
from routerkit.decision import Candidate, Decision, Drop, Score, format_usd
from routerkit.dispatch import Retry
from routerkit.errors import (
    AllAttemptsFailedError,
    ConfigError,
    NoCandidateError,
    ProviderError,
    RouterKitError,
    StreamBrokenError,
    UnknownModelError,
)
from routerkit.features import Features, features
from routerkit.judge import Judge
from routerkit.messages import TASK_KINDS, Chunk, Json, Message, Reply, Request, ToolCall, ToolCallDelta, Usage, text_of
from routerkit.observe import Observer
from routerkit.pickers import replay
from routerkit.policy import POLICY_KINDS, Policy
from routerkit.posterior import Estimate
from routerkit.provider import Provider
from routerkit.record import Attempt, Record, Report
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.routes import Match, Route, RouteBook
from routerkit.rules import Rule, When
from routerkit.scorecard import Scorecard, load_scorecard
from routerkit.settings import PolicySettings
from routerkit.table import Cell
from routerkit.verifier import Verdict, Verifier

if TYPE_CHECKING:
    from os import PathLike


def load(path: str | PathLike[str] = "routerkit.toml") -> Router:
    """Router as a TOML file describes it, with its ledger switched on.

    Raises:
        ConfigError: the file is missing or wrong; one line with place, value and remedy.
    """
    from routerkit.config import load as load_config  # pydantic, which most of our import budget could not pay for

    return load_config(path)


def __getattr__(name: str) -> str:
    """`__version__`, looked up when asked for."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # its email and zip readers take longer to import than all of us

    try:
        return version("routerkit")
    except PackageNotFoundError:  # running from a checkout that was never installed
        return "0+unknown"


__all__ = [
    "CAPABILITIES",
    "POLICY_KINDS",
    "TASK_KINDS",
    "AllAttemptsFailedError",
    "Attempt",
    "Candidate",
    "Cell",
    "Chunk",
    "ConfigError",
    "Decision",
    "Drop",
    "Estimate",
    "Features",
    "Json",
    "Judge",
    "Match",
    "Message",
    "NoCandidateError",
    "Observer",
    "Policy",
    "PolicySettings",
    "Pool",
    "Price",
    "Provider",
    "ProviderError",
    "Record",
    "Reply",
    "Report",
    "Request",
    "Retry",
    "Route",
    "RouteBook",
    "Router",
    "RouterKitError",
    "RouterState",
    "Rule",
    "Score",
    "Scorecard",
    "StreamBrokenError",
    "Target",
    "ToolCall",
    "ToolCallDelta",
    "UnknownModelError",
    "Usage",
    "Verdict",
    "Verifier",
    "When",
    "features",
    "format_usd",
    "load",
    "load_scorecard",
    "replay",
    "text_of",
]
