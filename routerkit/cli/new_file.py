"""A file that is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from routerkit.errors import ConfigError


def create(path: Path, text: str, *, option: str) -> None:
    """Write a file that is not there yet.

    Raises:
        ConfigError: it is there, or cannot be written; then nothing of it is left, for half a file would be taken for all of it.
            `option` names another one.
    """
    try:
        stream = path.open("x", encoding="utf-8")  # and not "w": somebody may have created it meanwhile
        try:
            with stream:
                stream.write(text)
        except BaseException:
            path.unlink()
            raise
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written ({exc.strerror}); choose another {option}") from exc
