"""Shape of `[cache]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routerkit.config.section import Count
from routerkit.config.state_section import StateSection


class CacheSection(StateSection):
    """Answers are kept and repeated; without this section none are."""

    url: str = ""
    """Empty = a file in the ledger's folder."""
    ttl_s: Annotated[float, Field(ge=1, le=31_536_000)] = 3_600.0
    sampled: bool = False
    tool_calls: bool = False
    semantic: bool = False
    memory_mb: Count = 64
