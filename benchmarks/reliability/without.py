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

KEEPING = """
from routerkit import scorers
known = scorers.fastest
def keeping(case):
    latency, cost = known(case)
    return (latency._replace(values=[0.0 if s is None else v for s, v in zip(case.latencies_s(), latency.values)]), cost)
scorers.SCORERS["fastest"] = keeping
"""
"""Puts targets of unknown latency last, as seems natural."""
PASSING = """
from routerkit.providers.as_written import PassingDecoder
parsed = PassingDecoder._parsed
def passing(self, event, *, is_last):
    self._passes = True
    return parsed(self, event, is_last=is_last)
PassingDecoder._parsed = passing
"""
"""Passes every stream on as it was written."""

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
    "what a killed process owed (X3)": (
        "from routerkit.state import sqlite; sqlite.owed = lambda path, account: None",
        "tests/state/test_processes.py::test_killed_workers_lease_is_spent_a_minute_later[sqlite]",
    ),
    "unknown latencies first (U32)": (
        KEEPING,
        "tests/faults/test_rows.py::test_u32_target_that_becomes_ten_times_slower_loses_its_traffic",
    ),
    "ids of answers (U31)": (PASSING, "tests/faults/test_rows.py::test_u31_answer_without_an_id_gets_one[gateway chat stream]"),
    "litellm's answers read first (U22)": (
        "from routerkit.providers import litellm_body; litellm_body.bound = lambda response: None",
        "tests/faults/test_bytes_litellm.py::test_odd_answer_is_the_right_text_or_a_failure_that_fails_over[byte order mark-astream]",
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
