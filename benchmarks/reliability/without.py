"""Takes one mechanism away at a time and shows that the test of its row then fails.

python benchmarks/reliability/without.py [PART OF A NAME]
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
def keeping(panel, settings):
    def live(case):
        latency, cost = known(panel, settings).live(case)
        return (latency._replace(values=[0.0 if s is None else v for s, v in zip(case.latencies_s(), latency.values)]), cost)
    return scorers.Terms(live=live)
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
RAISING = """
from routerkit import drivers, pursuit
from routerkit.errors import ProviderError
def raising(exc):
    if isinstance(exc, ProviderError):
        return exc
    raise exc
drivers.as_provider_error = pursuit.as_provider_error = raising
"""
"""Lets through what a provider's bug raises."""
IN_EVERY_PROCESS = """
import os, pathlib, tempfile
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "sitecustomize.py").write_text({!r})
os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
"""
"""Takes a mechanism away in the processes that a test starts."""
REPEATING = """
import itertools
from routerkit.state.sqlite import SqliteStore
correct, numbers = SqliteStore.correct, itertools.count()
SqliteStore.correct = lambda self, account, what, micros: correct(self, account, f"{what} {next(numbers)}", micros)
"""
"""Makes a correction again instead of replacing it."""
DEAF = """
from routerkit.hearsay import Hearsay
async def alearn(self, request):
    pass
Hearsay.alearn = alearn
"""
"""Asks no other worker what it knows of a conversation."""
SOLITARY = """
from routerkit.cache.tower import Tower
def clear(self, *asked):
    return None
    yield
Tower.clear = clear
"""
"""Lets every process ask for itself."""
KEPT = """
from routerkit.cache.tower import Tower, Wait
def claimed(self, key, claim):
    return (yield Wait(self._thread.ask(lambda shelf: shelf.claim(key, claim)), 0.25))
Tower._claimed = claimed
"""
"""Gives no claim back that nobody waits for any more."""
FLIGHTS = "tests/state/test_flights.py::"
SHEDDING = "tests/faults/test_shedding.py::"
HEDGING = "tests/faults/test_hedging.py::"

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
    "probe freed by a caller that leaves": (
        "from routerkit.health import HealthBoard; HealthBoard.abandoned = lambda self, target, began_at: None",
        "tests/unit/test_router_endings.py::test_abandoned_probe_lets_the_next_call_probe[complete-KeyboardInterrupt]",
    ),
    "typed bugs of foreign providers (X4)": (
        RAISING,
        "tests/unit/test_router_endings.py::test_bug_in_a_provider_costs_an_attempt_not_the_call[complete-True]",
    ),
    "first token means content (U13)": (
        "from routerkit.providers.timers import Watch; Watch.due = lambda self: min(self._tier_at, self.total_at)",
        "tests/unit/test_http1.py::TestWatch::test_the_earlier_of_stage_and_total_counts_and_is_named",
    ),
    "configured places (A10)": (
        "from routerkit.lanes import Lanes; Lanes.has_room = lambda self, target, at_once=None: True",
        SHEDDING + "test_no_more_calls_at_once_than_configured",
    ),
    "criticality (A10)": (
        "from routerkit.call import Call; Call.priority = property(lambda self: 'agent')",
        SHEDDING + "test_interactive_requests_pass_those_nobody_waits_for",
    ),
    "turns of tenants (A10)": (
        "from routerkit.call import Call; Call.tenant = property(lambda self: '')",
        SHEDDING + "test_tenants_take_turns",
    ),
    "bounded queue (A10)": (
        "from routerkit.lanes import Lanes; Lanes.queue = lambda self, target, *who: self._waiting[target].join(*who[:2])",
        SHEDDING + "test_full_queue_turns_away_what_matters_least_at_once",
    ),
    "hedging (A8)": (
        "from routerkit.hedging import Paces; Paces.late_after_s = lambda self, target, is_stream: None",
        HEDGING + "test_late_call_is_answered_by_the_second_target_and_both_are_paid_for[astream]",
    ),
    "cost of the loser (A8)": (
        "from routerkit.call import Call; Call.outrun = lambda self, by: setattr(self, '_open', None)",
        HEDGING + "test_late_call_is_answered_by_the_second_target_and_both_are_paid_for[acomplete]",
    ),
    "bounds of hedging (A8)": (
        "from routerkit.retry_budget import RetryBudget; RetryBudget.may_hedge = lambda self: True",
        HEDGING + "test_hedges_are_bounded_when_everything_is_late[acomplete]",
    ),
    "last words of the drain (X1)": (
        "from routerkit.gateway.connection import Connection; Connection.end = lambda self: None",
        "tests/gateway/test_shutdown.py::test_whole_answer_open_at_the_end_is_refused",
    ),
    "loops that nobody repeats (K2)": (
        "from routerkit.providers import openai_errors; openai_errors._OF_STATUS.pop(508)",
        "tests/gateway/test_loops.py::test_gateway_that_is_its_own_upstream_is_refused_with_508[False]",
    ),
    "ceiling of the strong share (LLM10)": (
        "from routerkit.ceilings import Tallies; Tallies.rules = lambda *told: ()",
        "tests/faults/test_steering.py::test_requests_that_all_look_hard_stay_below_the_ceiling",
    ),
    "programs in a loop (LLM10)": (
        "from routerkit.gateway.repeats import Repeats; Repeats.check = lambda *told: None",
        "tests/gateway/test_key_limits.py::test_program_in_a_loop_is_refused",
    ),
    "one answer per request (bytes after the answer)": (
        "from routerkit.providers.http1 import Exchange; Exchange.on_message_begin = lambda self: None",
        "tests/faults/test_bytes.py::test_odd_but_honest_answer_is_understood[complete-bytes after the answer]",
    ),
    "what a killed process owed (X3)": (
        "from routerkit.state.estate import Estate; Estate.owed = lambda self, account, n_booked: None",
        "tests/state/test_processes.py::test_killed_workers_lease_is_spent_a_minute_later[sqlite]",
    ),
    "rows of killed calls (X3)": (
        "from routerkit.state.estate import Estate; Estate.lost = lambda self, holder: None",
        "tests/state/test_killed.py::test_call_of_a_dead_process_gets_its_row_once",
    ),
    "rows of killed calls, in a history (X3)": (
        IN_EVERY_PROCESS.format("from routerkit.state.estate import Estate; Estate.lost = lambda self, holder: None"),
        "tests/faults/test_histories.py",
    ),
    "settling by the bill (P4)": (
        "from routerkit.cli import settle; settle.set_prices = lambda folder, prices: None",
        "tests/store/test_settle.py::test_rows_and_budget_become_the_bill",
    ),
    "corrections that replace themselves (P4)": (
        REPEATING,
        "tests/store/test_settle.py::test_killed_between_budget_and_rows_counts_once",
    ),
    "marks between two notes (X3)": (
        "from routerkit.state.owed import OwedFile as F; note = F.note; F.note = lambda *a, **k: note(*a, **{**k, 'last': 0})",
        "tests/state/test_killed.py::test_books_are_those_of_the_rows_wherever_a_process_is_killed",
    ),
    "warm caches that another worker knows": (
        DEAF,
        "tests/state/test_hints.py::test_next_turn_on_another_worker_stays_where_the_cache_is_warm[acomplete]",
    ),
    "caches that another worker found cold": (
        "from routerkit.warmth import WarmBoard as B; adopt = B.adopt; B.adopt = lambda s, r, h: adopt(s, r, [x for x in h if x[1]])",
        "tests/state/test_hints.py::test_cache_that_was_found_cold_is_cold_for_all",
    ),
    "patience with a Redis that hangs": (
        "from routerkit import hearsay; hearsay._PATIENCE_S = 10.0",
        "tests/state/test_hints.py::test_redis_that_hangs_costs_a_call_a_moment[acomplete]",
    ),
    "one process that asks for all": (SOLITARY, FLIGHTS + "test_equal_requests_on_four_workers_are_one_upstream_call"),
    "claims that are renewed": (
        IN_EVERY_PROCESS.format("from routerkit.cache.tower import Tower; Tower._renew = lambda self: None"),
        FLIGHTS + "test_four_processes_ask_once_and_longer_than_a_claim_lasts",
    ),
    "claims that lapse": (
        IN_EVERY_PROCESS.format("from routerkit.cache import tower; tower.CLAIM_S = 1e6"),
        FLIGHTS + "test_killed_leaders_followers_have_one_of_them_ask",
    ),
    "claims given back by callers that leave": (KEPT, FLIGHTS + "test_caller_that_leaves_while_it_waits_stops_nobody"),
    "landings that others are told of": (
        "from routerkit.cache.tower import Tower; land = Tower.land; Tower.land = lambda self, key, flight, *told: land(self, key, flight)",
        FLIGHTS + "test_whatever_happens_when_one_leads_at_a_time_and_all_end",
    ),
    "landings that a follower missed": (
        "from routerkit.cache import lua; lua.CLAIM = lua.CLAIM.replace(\"ARGV[3] == '1' or \", '')",
        FLIGHTS + "test_whatever_happens_when_one_leads_at_a_time_and_all_end",
    ),
    "patience with another process": (
        "from routerkit.cache import CachingRouter; CachingRouter._half_of = lambda self, request, started: lambda: 60.0",
        FLIGHTS + "test_waiting_for_another_process_ends_with_half_of_the_deadline",
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


def main(wanted: str = "") -> None:
    unguarded = 0
    for name, case in CASES.items():
        if wanted in name:
            is_guarded = fails_without(*case)
            unguarded += not is_guarded
            print("fails without" if is_guarded else "NOT GUARDED  ", name, flush=True)
    sys.exit(unguarded > 0)


if __name__ == "__main__":
    main(*sys.argv[1:2])
