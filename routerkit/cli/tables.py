"""Tables for people to read in a terminal."""

from __future__ import annotations

from typing import Final

_WIDTH: Final = 1_000_000
"""Wider than any row: a terminal wraps what it has no room for, but a cut record id is of no use to anybody."""


def print_table(columns: tuple[str, ...], rows: list[list[str]]) -> None:
    """Print rows of texts under their columns."""
    # Loaded here: printing JSON, and every other command of routerkit, does without rich.
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=_WIDTH, highlight=False).print(table)


def cell(value: object) -> str:
    """A value as text that is safe to show in a terminal; unknown is empty."""
    return "" if value is None else "".join(c if c.isprintable() else " " for c in str(value))
