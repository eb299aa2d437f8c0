"""Fuzzes one target with atheris: `python tests/fuzz/run.py sse -max_total_time=6`; without a name it lists them.

What breaks a law is written to `crash-…` in the working directory. Make it a file of `corpus/`, and `test_corpus.py` runs it for ever.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["routerkit", "routerkit_evals"]):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Fuzz what the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python tests/fuzz/run.py {'|'.join(TARGETS)} [option of libFuzzer ...]")
    name = sys.argv[1]
    # libFuzzer writes what it finds new to the first folder.
    folders = [tempfile.mkdtemp(prefix="fuzz-"), str(CORPUS / name)]
    atheris.Setup([sys.argv[0], "-max_len=4096", "-rss_limit_mb=4096", *sys.argv[2:], *folders], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
