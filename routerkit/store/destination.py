"""Where the rows of a folder end up: in its own DuckDB file, or in a lake that many hosts share.

A folder remembers its lake, so that everything that opens the folder (router, ingester, command line, app, evals) agrees about it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from routerkit.errors import StoreError
from routerkit.store.segment_file import DATABASE

SHARED: Final = "shared.json"
"""File in the folder that names its lake."""
PREFIX: Final = "ducklake:"
_SCHEMES: Final = ("postgres", "postgresql")
_BUCKET: Final = "s3://"


@dataclass(frozen=True, slots=True)
class Lake:
    """A DuckLake: its catalogue in PostgreSQL, its rows in Parquet files. All hosts name the same one.

    Raises:
        ValueError: what is wrong with it, in one line.
    """

    store: str
    """`ducklake:postgres://user@host:port/database`; libpq finds the password in `PGPASSWORD` or `~/.pgpass`."""
    files: str
    """Where the Parquet files are: `s3://bucket/prefix`, or the absolute path of a folder that all hosts mount."""

    def __post_init__(self) -> None:
        url = urlsplit(self.catalog)
        if not self.store.startswith(PREFIX) or url.scheme not in _SCHEMES or not url.path.strip("/"):
            # Not quoted: a mistyped URL may hold a password.
            raise ValueError("store must look like ducklake:postgres://user@host/database")
        if url.password is not None:
            raise ValueError("store must not hold a password; put it into the variable PGPASSWORD or the file ~/.pgpass")
        if url.query or url.fragment:
            raise ValueError(f"store takes no parameters ({url.query or url.fragment!r}); set libpq's variables, e.g. PGSSLMODE")
        if not self.files.startswith((_BUCKET, "/")):
            raise ValueError(f"files must be s3://bucket/prefix or an absolute path that all hosts share, not {self.files!r}")

    @property
    def catalog(self) -> str:
        """URL of the catalogue's database."""
        return self.store.removeprefix(PREFIX)

    @property
    def is_in_bucket(self) -> bool:
        """Whether the files are objects, not a mounted folder."""
        return self.files.startswith(_BUCKET)


@dataclass(frozen=True, slots=True)
class Shared:
    """What a folder knows about its lake."""

    lake: Lake
    host: str
    """Name of this folder among all that write to the lake; 12 hexadecimal digits, drawn once."""


def shared_of(folder: Path) -> Shared | None:
    """Lake of a folder; None when its rows stay in its own file.

    Raises:
        StoreError: the folder names a lake that cannot be understood.
    """
    path = folder / SHARED
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        host = str(facts["host"])
        if len(host) != 12 or int(host, 16) < 0:
            raise ValueError(f"host must be 12 hexadecimal digits, not {host!r}")
        return Shared(Lake(str(facts["store"]), str(facts["files"])), host)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StoreError(f"cannot tell where the rows of {folder} go: {path}: {exc}; delete it, the next start writes it anew") from exc


def settle(folder: Path, lake: Lake | None) -> None:
    """Make sure that the rows of a folder go to this lake, or to its own file when there is none. Many processes may do so at once.

    Raises:
        StoreError: they go elsewhere so far. Going on would hide the rows that are there.
        OSError: the folder cannot be written.
    """
    known = shared_of(folder)
    if known is None and lake is not None:
        if (folder / DATABASE).exists():
            raise StoreError(f"{folder} keeps rows in {DATABASE} already; name another folder in [ledger] path to share a store")
        _write(folder, lake)
        known = shared_of(folder)
    if known is not None and known.lake != lake:
        asked = f"{lake.store} with files in {lake.files}" if lake else "none"
        raise StoreError(
            f"{folder} sends rows to {known.lake.store} with files in {known.lake.files}, but [ledger] store says {asked}; "
            f"name another folder in [ledger] path, or ingest and then delete {folder / SHARED}"
        )


def _write(folder: Path, lake: Lake) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{SHARED}.{os.urandom(4).hex()}"
    draft.write_text(json.dumps({"store": lake.store, "files": lake.files, "host": os.urandom(6).hex()}) + "\n", encoding="utf-8")
    # Linked, not renamed: whoever comes second must find the first one's name of the folder.
    with suppress(FileExistsError):
        (folder / SHARED).hardlink_to(draft)
    draft.unlink()
