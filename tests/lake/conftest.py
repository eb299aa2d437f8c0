"""A lake of its own for every test: an empty database of a real PostgreSQL server, an empty folder for the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from routerkit.errors import StoreError
from routerkit.store.database import open_memory
from routerkit.store.destination import Lake, settle
from routerkit.store.extensions import load_extensions
from tests.lake.postgres_server import PASSWORD, PostgresServer, find_programs


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real server on loopback, for this run alone."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed; apt-get install postgresql runs these tests, too")
    with open_memory() as connection:
        try:
            load_extensions(connection, with_buckets=False)
        except StoreError:
            pytest.skip("this DuckDB has no extension ducklake; `make lake` runs these tests on one that has")
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture
def lake(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty one."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return Lake(f"ducklake:{postgres.create(uuid4().hex)}", str(tmp_path / "files"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a simulated object store on loopback."""
    server = pytest.importorskip("moto.server", reason="moto is not installed; `make lake` brings it").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    urlopen(Request(f"{endpoint}/ledger", method="PUT")).close()  # makes the bucket
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": PASSWORD, "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield "s3://ledger/calls"
    server.stop()


@pytest.fixture
def host(lake: Lake, tmp_path: Path) -> Callable[[str], Path]:
    """Folder of a host that shares the lake; hosts have nothing in common but the lake."""

    def make(name: str) -> Path:
        settle(tmp_path / name, lake)
        return tmp_path / name

    return make
