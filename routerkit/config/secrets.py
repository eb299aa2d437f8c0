"""Secrets come by reference: `env:NAME` or `file:PATH`. A literal key in the configuration is refused, and no key is ever printed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from routerkit.config.section import located
from routerkit.errors import ConfigError

MASK: Final = "***"
_MAX_BYTES: Final = 64 * 1024
"""Longest key file worth reading; the longest credentials in use (service account JSON, JWT) are a few kilobytes."""
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_NAME: Final = re.compile(r"(^|[_-])(key|token|secret|password|passwd|credentials?|cookie|authorization)$", re.IGNORECASE)
_SECRET_SHAPE: Final = re.compile(
    r"\b(sk-[A-Za-z0-9_-]{8,}|gsk_\w{8,}|xai-\w{8,}|AIza[\w-]{20,}|AKIA\w{12,}|gh[pousr]_\w{16,}|hf_\w{16,}|Bearer\s+\S{8,})"
)


class Secret:
    """A value that only `reveal()` shows; printing, formatting, logging and pickling it do not."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be pickled or copied to another process")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_reference(text: str) -> bool:
    """Whether a text says where a secret is instead of being one."""
    return (text.startswith("file:") and len(text) > len("file:")) or _ENV.fullmatch(text) is not None


def is_secret_name(key: str) -> bool:
    """Whether a setting or header of this name holds a secret: `api_key`, `x-api-key`, `Authorization`, `token` and the like."""
    return _SECRET_NAME.search(key) is not None


def resolve(reference: str, base: Path, environ: Mapping[str, str] | None = None) -> Secret:
    """Fetch the secret a reference points to.

    Args:
        reference: `env:NAME`, or `file:PATH` with PATH relative to `base`; surrounding white space of a file is dropped.
        base: Folder of the configuration file.
        environ: Environment to read, the process's own by default.

    Raises:
        ConfigError: no reference, variable unset or empty, file unreadable or empty; never with the value in it.
    """
    if not is_reference(reference):
        raise ConfigError('literal secrets are refused; write "env:NAME" or "file:PATH" and put the key there')
    if reference.startswith("env:"):
        return _checked(_from_environment(reference[4:], os.environ if environ is None else environ), reference)
    return _checked(_from_file(located(base, reference[5:]), reference), reference)


def scrub(text: str, secrets: tuple[Secret, ...] = ()) -> str:
    """One line of text with the given secrets, and whatever looks like a key, replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret.reveal(), MASK)
    return " ".join(_SECRET_SHAPE.sub(MASK, text).split())


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise ConfigError(f'environment variable {name} is not set; export {name}=… or point to a file with "file:PATH"')
    return environ[name].strip()


def _from_file(path: Path, reference: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"{reference}: larger than {_MAX_BYTES // 1024} KiB, not a key file; correct the path")
        return content.decode("utf-8-sig").strip()
    except OSError as exc:
        raise ConfigError(
            f"{reference}: cannot read {path} ({exc.strerror or type(exc).__name__}); create it or correct the path"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{reference}: {path} is not UTF-8 text; it should hold only the key") from None


def _checked(value: str, reference: str) -> Secret:
    if not value:
        raise ConfigError(f"{reference}: is empty; put the key there")
    # A line break in a key would end the HTTP header it is sent in.
    if not value.isprintable():
        raise ConfigError(f"{reference}: holds a line break or a control character; it should hold only the key")
    return Secret(value)
