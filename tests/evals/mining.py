"""A small repository with a history, for tests of mining."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.evals.shop_history import HISTORY

Step = tuple[str, Mapping[str, str | None]]
"""A commit message, and files: path → new text, None = gone."""


def make_repository(folder: Path, steps: Iterable[Step] = HISTORY) -> Path:
    """Repository with these commits, one a day."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for day, (message, files) in enumerate(steps, 1):
        for path, text in files.items():
            place = folder / path
            if text is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", message, day=day)
    return folder


def git(folder: Path, *arguments: str, day: int = 1) -> str:
    """Run git with an author and a date that are the same everywhere."""
    at = f"2026-03-{day:02}T12:00:00Z"
    who = {
        f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "A"), ("EMAIL", "a@b"), ("DATE", at))
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who}
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True, env=environment).stdout
