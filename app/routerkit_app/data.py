"""Cached questions to the store. Read-only, beside whatever writes there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from routerkit.store import EVAL_SCHEMAS, LEDGER_SCHEMAS, query

FOLDER: Final = "ROUTERKIT_APP_FOLDER"
"""Environment variable with the store's folder, set by `routerkit app`."""
DEMO: Final = "ROUTERKIT_APP_DEMO"
"""Environment variable that is set when the data are generated."""
_FRESH_S: Final = 15
"""How old a shown number may be; a question over a million rows takes up to a second."""


def folder() -> Path:
    """Folder of the store that is shown."""
    return Path(os.environ.get(FOLDER, "routerkit-data"))


def is_demo() -> bool:
    """Whether what is shown was generated."""
    return bool(os.environ.get(DEMO))


def ask(sql: str, params: Sequence[object] = ()) -> pd.DataFrame:
    """Answer one SELECT over ledger and evaluations.

    Raises:
        StoreError: the store cannot be read, or the SQL is wrong.
    """
    return _ask(str(folder()), sql, tuple(params))


@st.cache_data(ttl=_FRESH_S, show_spinner=False)
def _ask(folder: str, sql: str, params: tuple[object, ...]) -> pd.DataFrame:
    rows = query(Path(folder), sql, params, schemas=(*LEDGER_SCHEMAS, *EVAL_SCHEMAS))
    return pd.DataFrame(rows.rows, columns=list(rows.columns))


@dataclass(frozen=True, slots=True)
class Where:
    """Condition of a WHERE clause and its parameters."""

    sql: str
    params: tuple[object, ...]


def where(chosen: dict[str, str], *, days: int | None, instant: str) -> Where:
    """Rows of the last `days` days with these values; None = of all times.

    Args:
        chosen: Value by column; columns are ours, values are bound.
        days: How far back.
        instant: Column of the instant.
    """
    parts = [f"{instant} >= now()::TIMESTAMP - INTERVAL {int(days)} DAY"] if days else []
    parts += [f"{column} = ?" for column in chosen]
    return Where(" AND ".join(parts) or "true", tuple(chosen.values()))


def spreadsheet_safe(frame: pd.DataFrame) -> bytes:
    """CSV in which no cell starts a formula when a spreadsheet opens it."""

    def tame(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value

    text: str = frame.map(tame).to_csv(index=False)
    return text.encode()
