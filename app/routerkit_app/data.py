"""Cached questions to the store. Read-only, beside whatever writes there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from routerkit.errors import StoreError
from routerkit.store import EVAL_SCHEMAS, LEDGER_SCHEMAS, Snapshot, connect_readonly, ingest
from routerkit_app.environment import DEMO, FOLDER

FRESH_S: Final = 15
"""How old a shown number may be; a question over a million rows takes up to a second."""
_ANSWERS: Final = 256
"""Answers kept for all viewers together; pages ask for sums and for at most some hundred rows, so this is a few megabytes."""
_SCHEMAS: Final = (*LEDGER_SCHEMAS, *EVAL_SCHEMAS)


def folder() -> Path:
    """Folder of the store that is shown."""
    return Path(os.environ.get(FOLDER, "routerkit-data"))


def is_demo() -> bool:
    """Whether what is shown was generated."""
    return bool(os.environ.get(DEMO))


def ask(sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
    """Answer one SELECT over ledger (docs/ledger.md) and evaluations (docs/eval-sql.md), at most `FRESH_S` seconds old.

    Raises:
        StoreError: the store cannot be read, or the SQL is wrong.
    """
    return _ask(str(folder()), sql, tuple(params))


@contextmanager
def one_look() -> Iterator[None]:
    """All questions asked within see the store as it is at the first of them, and share its opening, which costs more than most answers.

    Keep it short, as nothing can be ingested meanwhile: one page.
    """
    with ExitStack() as opened:
        token = _LOOK.set(_Look(opened))
        try:
            yield
        finally:
            _LOOK.reset(token)


class _Look:
    """A snapshot that is opened when it is first wanted, and closed with its page."""

    def __init__(self, opened: ExitStack) -> None:
        self._opened, self._snapshots = opened, dict[str, Snapshot]()

    def at(self, folder: str) -> Snapshot:
        if folder not in self._snapshots:
            found = connect_readonly(Path(folder), schemas=_SCHEMAS, live=_is_waiting(folder))
            self._snapshots[folder] = self._opened.enter_context(found)
        return self._snapshots[folder]


_LOOK: Final[ContextVar[_Look | None]] = ContextVar("look", default=None)


@st.cache_data(ttl=FRESH_S, max_entries=_ANSWERS, show_spinner=False)
def _ask(folder: str, sql: str, params: tuple[object, ...]) -> pd.DataFrame:
    with ExitStack() as opened:
        # A fragment is drawn again without its page.
        look = _LOOK.get() or _Look(opened)
        rows = look.at(folder).query(sql, params)
    return pd.DataFrame(rows.rows, columns=list(rows.columns))


@st.cache_data(ttl=FRESH_S, max_entries=8, show_spinner="Loading what was written since …")
def _is_waiting(folder: str) -> bool:
    """Load closed segments into the database, once for all questions of a page; whether some had to stay and must be read in place."""
    try:
        return ingest(Path(folder), schemas=_SCHEMAS, wait_s=0.1).note is not None
    except StoreError:
        return True  # a folder or disk that cannot be written can still be read
