"""DuckDB's extensions, which only a shared store needs. They are never fetched behind anybody's back."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError

if TYPE_CHECKING:
    import duckdb

_LAKE: Final = ("ducklake", "postgres_scanner")
_BUCKETS: Final = ("httpfs",)


def load_extensions(connection: duckdb.DuckDBPyConnection, *, with_buckets: bool) -> None:
    """Load what a lake needs: from a `duckdb-extension-…` package for this DuckDB, else what `INSTALL` has put on this machine.

    Raises:
        StoreError: one is on this machine in neither way.
    """
    import duckdb  # loaded here, see database.open_memory

    for name in (*_LAKE, *(_BUCKETS if with_buckets else ())):
        try:
            connection.execute(f"LOAD '{_packaged(name) or name}'")
        except duckdb.Error as exc:
            raise StoreError(
                f"a shared store needs DuckDB's extension {name!r}, which is not here for DuckDB {duckdb.__version__}; run "
                f"pip install 'routerkit[lake]', or, with access to DuckDB's server, "
                f"python -c \"import duckdb; duckdb.install_extension('{name}')\""
            ) from exc


def _packaged(name: str) -> Path | None:
    import duckdb  # loaded here, see database.open_memory

    spec = find_spec(f"duckdb_extension_{name}")
    folders = spec.submodule_search_locations if spec else None
    paths = [Path(f) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension" for f in folders or ()]
    return next((p for p in paths if p.exists()), None)
