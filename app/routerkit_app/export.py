"""Tables as files to take away."""

from __future__ import annotations

import io
from typing import Final

import pandas as pd

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters that make a spreadsheet compute. Source: OWASP, CSV Injection."""


def as_csv(frame: pd.DataFrame) -> bytes:
    """CSV in which no cell and no head starts a formula when a spreadsheet opens it: a quote is put before such text."""
    text: str = frame.map(_tame).rename(columns=_tame).to_csv(index=False)
    return text.encode("utf-8", "replace")


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet with the values as they are; nested ones as text."""
    out = io.BytesIO()
    frame.map(lambda value: str(value) if isinstance(value, list | dict) else value).to_parquet(out, index=False)
    return out.getvalue()


def _tame(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value
