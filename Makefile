# `make demo` and `make test` are the two commands of the README; each sets up everything it needs.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test check static format bench fuzz soak browser mutants newest lake lock clean help

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(READY) ## measure real models on real code tasks, then route by the result
	@$(BIN)/routerkit demo $(ARGS)

test: $(READY) ## the whole default test suite
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile $(ARGS)

check: $(READY) ## format, lint, types, layer contracts, tests
	@$(MAKE) --no-print-directory static test

static: $(READY) ## everything of `check` that runs no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing/api.py
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r routerkit integrations evals/routerkit_evals app

format: $(READY) ## let ruff tidy up
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## ratios against peers, one run
	@for f in benchmarks/*.py benchmarks/gateway/run.py; do echo "== $$f"; $(BIN)/python $$f; done

fuzz: $(READY) ## five seconds of strange bytes for every reader of foreign ones; what breaks one is kept as crash-...
	@for t in $$(ls tests/fuzz/corpus); do echo "== $$t"; $(BIN)/python tests/fuzz/run.py $$t -max_total_time=5 -verbosity=0 $(ARGS) || exit 1; done

browser: $(READY) ## every page and control of the app in a real browser (three minutes, needs Chromium)
	@$(BIN)/python -m pytest -q -m browser tests/app/test_browser.py $(ARGS)

soak: $(READY) ## 100,000 calls through a gateway, and what it holds afterwards (some minutes)
	@$(BIN)/python -m pytest -q -m soak tests/faults/test_soak.py $(ARGS)

mutants: $(READY) ## break dispatch, health and budgets in small ways; every way should make a test fail (20 minutes)
	$(BIN)/mutmut run --max-children 2 $(ARGS)

newest: ## the integrations on the newest releases there are, beside the pinned set (needs uv)
	uv venv -q --allow-existing --python $(PYTHON) .venv/newest
	echo 'certifi>=2026.4.22' > .venv/newest/override.txt  # some need a later one than an index may have; nothing here does
	uv pip install -q -U --python .venv/newest --override .venv/newest/override.txt -e '.[gateway,langchain,litellm,llamaindex]' \
		langchain-openai langchain-tests llmock hypothesis pytest pytest-asyncio pytest-timeout pytest-xdist
	.venv/newest/bin/python -m pytest -q -n 2 --dist loadfile tests/integrations $(ARGS)
	.venv/newest/bin/python -m pytest -q -n 2 tests/integrations/langchain/matrix_formats.py $(ARGS)
	.venv/newest/bin/python -m pytest -q -n 2 tests/integrations/llamaindex/matrix_formats.py $(ARGS)

lake: ## the store on DuckDB 1.5, alone and as a lake on a real PostgreSQL (needs uv, and a PostgreSQL server for the lake)
	uv venv -q --allow-existing --python $(PYTHON) .venv/lake
	uv pip install -q --python .venv/lake -e '.[gateway,lake]' 'moto[server]' hypothesis pytest pytest-asyncio pytest-timeout pytest-xdist
	.venv/lake/bin/python -m pytest -q -n 2 --dist loadfile tests/store tests/lake $(ARGS)

lock: ## resolve the pinned set anew (needs uv)
	uv pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "routerkit needs Python 3.11 or newer on the PATH"; exit 2; }
	@test -x $(BIN)/python || { echo "creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "installing the pinned set (2 to 4 minutes the first time)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean: ## remove the environment and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
