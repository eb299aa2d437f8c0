"""The configuration behind the shown traffic, when the app was started with one: pools, policies, scorecard, budgets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from routerkit import ConfigError, RouterState, Scorecard
from routerkit.config import Config, plan_state, read
from routerkit_app.environment import CONFIG

_FRESH_S: Final = 30


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration, ready to decide but not to call: no secret is ever read."""

    path: Path
    config: Config
    state: RouterState

    @property
    def base(self) -> Path:
        """Folder that relative paths start from."""
        return self.path.parent


def setup() -> Setup | None:
    """The configuration in force; None when there is none, or none that can be used, which is then said on the page."""
    path = os.environ.get(CONFIG)
    if not path or not Path(path).exists():
        return None
    try:
        return _read(path)
    except ConfigError as exc:
        st.warning("The configuration cannot be used, so this page does without it:")
        st.code(str(exc), language=None, wrap_lines=True)
        return None


def scorecard(found: Setup | None) -> Scorecard:
    """The scorecard in force; an empty one without a configuration, so that production is compared with its own beginning."""
    return Scorecard() if found is None else found.state.scorecard


@st.cache_resource(ttl=_FRESH_S, show_spinner=False)
def _read(path: str) -> Setup:
    config = read(Path(path))
    return Setup(Path(path), config, plan_state(config, Path(path).parent))
