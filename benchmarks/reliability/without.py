"""Takes one mechanism away at a time and shows that the test of its row then fails.

python benchmarks/reliability/without.py
"""

from __future__ import annotations

import subprocess
import sys

LENIENT = """
from routerkit.providers.openai_stream import StreamDecoder
end = StreamDecoder._end
def lenient(self, *, is_marked):
    self._finish = self._finish or "stop"
    return end(self, is_marked=is_marked)
StreamDecoder._end = lenient
"""
"""Takes every stream that ends for complete, as other clients do."""

CASES = {
    "places of a full target (U33)": (
        "from routerkit.lanes import Lanes; Lanes.refused = lambda self, target: False",
        "tests/faults/test_load.py::test_u33_places_of_a_full_target_are_found_and_kept_busy",
    ),
    "retry budget (P3)": (
        "from routerkit.retry_budget import RetryBudget; RetryBudget.may_repeat = lambda self: True",
        "tests/faults/test_load.py::test_p3_target_that_is_down_for_all_is_not_stormed",
    ),
    "circuit breaker (U1)": (
        "from routerkit.health import HealthBoard; HealthBoard._open = lambda self, cell, now, error: None",
        "tests/faults/test_load.py::test_u1_dead_target_costs_no_call_and_few_requests",
    ),
    "slow start (U10)": (
        "from routerkit import health; health.SLOW_START_S = 0.0",
        "tests/faults/test_load.py::test_u10_target_that_is_back_is_loaded_step_by_step",
    ),
    "one answer per request (bytes after the answer)": (
        "from routerkit.providers.http1 import Exchange; Exchange.on_message_begin = lambda self: None",
        "tests/faults/test_bytes.py::test_odd_but_honest_answer_is_understood[complete-bytes after the answer]",
    ),
    "truncated streams (U17)": (
        LENIENT,
        "tests/faults/test_matrix.py::test_stream_that_breaks_after_content_ends_with_an_error[U17 clean end-astream]",
    ),
}


def fails_without(patch: str, test: str) -> bool:
    """Whether the test passes as it is and fails with the patch."""
    run = "import sys, pytest\n{}\nsys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', {!r}]))"
    codes = [
        subprocess.run([sys.executable, "-c", run.format(code, test)], capture_output=True, check=False).returncode for code in ("", patch)
    ]
    return codes == [0, 1]


def main() -> None:
    found = {name: fails_without(*case) for name, case in CASES.items()}
    for name, is_guarded in found.items():
        print("fails without" if is_guarded else "NOT GUARDED  ", name)
    sys.exit(not all(found.values()))


if __name__ == "__main__":
    main()
