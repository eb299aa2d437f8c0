"""What all sections of the configuration file share: strict types, no unknown keys, errors that never repeat the input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from routerkit.errors import nearest


def usable_path(path: str) -> str:
    """The same path, if it can be one here.

    Raises:
        PydanticCustomError: nobody has the home it begins with, as in containers without users, or it is empty or holds a NUL.
    """
    if not path.strip():
        raise PydanticCustomError("path", "is empty; write a path, or leave the key out")
    if "\0" in path:
        raise PydanticCustomError("path", "is not a path; leave the NUL out")
    try:
        Path(path).expanduser()
    except RuntimeError:
        raise PydanticCustomError("path", "begins with a home that does not exist here; write the whole path") from None
    return path


def located(base: Path, path: str) -> Path:
    """A path as a file means it: from the file's own folder `base`; `~` is home."""
    return base / Path(path).expanduser()


Names: TypeAlias = Annotated[tuple[str, ...], Field(strict=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Dollars: TypeAlias = Annotated[float, Field(ge=0)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400)]
FilePath: TypeAlias = Annotated[str, AfterValidator(usable_path)]
Count: TypeAlias = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """Base of all sections: strict types, no unknown keys, and errors that never repeat the input."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: object) -> object:
        if isinstance(value, dict) and cls.model_config.get("extra") == "forbid":
            for key in value:
                if key not in cls.model_fields:
                    hint = nearest(key, cls.model_fields)
                    raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": key, "hint": hint})
        return value
