"""The combinations of format and failure that `test_standard_formats.py` leaves out, to keep the default suite short.

Run by name: `python -m pytest tests/integrations/langchain/matrix_formats.py`; `make newest` runs it, too.
"""

from __future__ import annotations

import pytest

from tests.integrations.failing import FAULTS, SERVERS
from tests.integrations.langchain.formats import Anthropic, EveryFormat, Gemini, Mixed

pytestmark = pytest.mark.slow  # litellm takes seconds to import


class TestAnthropicHealthy(Anthropic):
    """Nothing fails."""


class TestGeminiHealthy(Gemini):
    """Nothing fails."""


def combination(base: type[EveryFormat], fault: str, bad: str) -> type[EveryFormat]:
    """A pool of the base, behind a target of the format `bad` with that fault."""
    name = f"Test{base.__name__}After{bad.title()}{fault.title()}"
    return type(name, (base,), {"fault": fault, "bad": bad, "__module__": __name__, "__doc__": f"{bad} {fault}."})


_MADE = [combination(base, fault, bad) for base in (Anthropic, Gemini, Mixed) for fault in FAULTS for bad in SERVERS]
globals().update({made.__name__: made for made in _MADE})
