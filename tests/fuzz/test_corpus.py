"""Inputs that fuzzing kept, and those that once broke something, run through their targets. `make fuzz` looks for new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_kept_input_breaks_no_law(path: Path) -> None:
    assert TARGETS[path.parent.name](path.read_bytes()) is None  # a broken law raises


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("name", TARGETS)
def test_target_has_inputs_and_survives_the_shortest(name: str) -> None:
    assert (CORPUS / name).is_dir()
    for data in (b"", b"\x00", b"\xff\xfe", b"[" * 100_000):
        TARGETS[name](data)
