"""`[ledger]`: where calls are recorded, and what that means for a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from routerkit.config.section import FilePath, Section, located

if TYPE_CHECKING:
    from routerkit.store.destination import Lake


class LedgerSection(Section):
    """Where calls are recorded."""

    path: FilePath
    store_text: bool = False
    store: str | None = None
    """Where rows go from `path`: a DuckLake that all hosts share; None = a file in `path`."""
    files: str | None = None
    """Where that lake's Parquet files are."""

    @model_validator(mode="after")
    def _names_a_lake(self) -> Self:
        if (self.store is None) != (self.files is None):
            raise _problem("store and files go together: ducklake:postgres://user@host/database, and where its Parquet files are")
        try:
            self.lake()
        except ValueError as exc:
            raise _problem(str(exc)) from exc
        return self

    def lake(self) -> Lake | None:
        """The lake that is shared; None when rows stay in the folder.

        Raises:
            ValueError: the settings name none that could be.
        """
        if self.store is None or self.files is None:
            return None
        from routerkit.store.destination import Lake  # the store's modules take a while, which others need not wait for

        return Lake(self.store, self.files)


def ledger_folder(section: LedgerSection, base: Path) -> Path:
    """Folder of the ledger; from here on its rows go where the section says.

    Args:
        section: Of the configuration.
        base: Folder of the configuration file.

    Raises:
        StoreError: the folder's rows go elsewhere so far.
        OSError: the folder cannot be written.
    """
    folder = located(base, section.path)
    from routerkit.store.destination import settle  # as above

    settle(folder, section.lake())
    return folder


def _problem(text: str) -> PydanticCustomError:
    # Of the sort whose value is not shown: a mistyped URL may hold a password.
    return PydanticCustomError("literal_secret", "{text}", {"text": text})
