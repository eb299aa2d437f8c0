"""A configuration that uses every section, for tests to break."""

from __future__ import annotations

KEY = "sk-test-canary0123456789abcdef"
GOOD = """\
[providers.openai]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key = "env:RK_TEST_KEY"

[targets.mini]
provider = "openai"
model = "gpt-mini"
context_tokens = 400_000
can = ["tools", "json_schema"]
usd_per_mtok = { input = 0.25, cached_input = 0.025, output = 2.00 }

[targets.local]
provider = "openai"
model = "llama"

[pools.coding]
targets = ["mini", "local"]
policy = "cheapest_adequate"

[policies.cheapest_adequate]
quality_floor = 0.70

[[rules]]
name = "explanations go to a small model"
when = { kind = "explain", max_input_tokens = 8_000 }
prefer = ["mini"]

[[rules]]
name = "legacy source never leaves the house"
when = { tags = ["legacy"] }
only = ["local"]

[budgets.planner]
usd_per_day = 5.00

[scorecard]
path = "scorecard.json"

[ledger]
path = "calls"
"""
