# Everything a fresh machine needs is python3 (3.11 or newer) and make; the rest is had on demand.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCKS := requirements/uv.txt requirements/main.txt
# Where a pipeline is told of the runs.
SUMMARY ?= $(or $(GITHUB_STEP_SUMMARY),runs/summary.md)

.DEFAULT_GOAL := help
.PHONY: help gameday gameday-short summary local preview check test test-fast lint format lock bench clean

help: ## List what can be made.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(READY): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "quorate needs Python 3.11 or newer as '$(PYTHON)'; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv || \
	  { echo "python's venv module is missing; install your system's python3-venv package"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements/main.txt
	@touch $@

gameday: $(READY) ## Boot three zones, lose one, judge every record, write the page.
	@$(BIN)/python -m chaos run gameday

gameday-short: $(READY) ## One zone lost under a light load: about a minute.
	@$(BIN)/python -m chaos run az-kill --set workload.rate_per_s=1000

summary: $(READY) ## The runs that are here, as annotations and as a page in SUMMARY.
	@$(BIN)/python -m chaos summary runs/*/ --to $(SUMMARY)

local: $(READY) ## A platform on this machine: pulumi up of the stack local.
	@stacks/pulumi.sh stack select --create local
	@stacks/pulumi.sh up --stack local $$([ -t 0 ] || echo --yes)

preview: $(READY) ## pulumi preview --policy-pack policies of every shipped stack; no account is needed.
	@$(BIN)/python -m tests.engine.previews $(if $(GITHUB_ACTIONS),--annotate)

check: lint test preview gameday-short ## What a pull request is checked for.

test: $(READY) ## All tests, on real Kafka, the real Pulumi engine and a real Kubernetes API server.
	@$(BIN)/python -m lab.tools.pulumi > /dev/null
	@$(BIN)/python -m tests.engine.control_plane > /dev/null
	@$(BIN)/python -m tests.pipeline.actionlint > /dev/null
	@$(BIN)/python -m pytest -n 2

test-fast: $(READY) ## The tests that start no JVM, no engine and no browser.
	@$(BIN)/python -m pytest -m "not cluster and not engine and not browser"

lint: $(READY) ## Style, types and the rules between rooms.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports

format: $(READY) ## Put the code into its one form.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix . || true

lock: $(READY) ## Pin every dependency again, with hashes.
	@for set in uv main fleet; do $(PYTHON) -c 'pass'; \
	  ( [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt ); \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command "make lock" -o requirements/$$set.txt requirements/$$set.in; done

bench: $(READY) ## The benchmarks; results under bench/results/. About two hours of a quiet machine.
	@$(BIN)/python -m bench.judge
	@$(BIN)/python -m bench.hop
	@$(BIN)/python -m bench.rates
	@$(BIN)/python -m bench.frontier
	@$(BIN)/python -m bench.recovery
	@$(BIN)/python -m bench.preview
	@$(BIN)/python -m bench.policies
	@$(BIN)/python -m bench.fleet_lanes
	@$(BIN)/python -m bench.producer_profiles
	@$(BIN)/python -m bench.fleet_catch_up
	@$(BIN)/python -m bench.fleet_dedup
	@$(BIN)/python -m bench.cdc
	@$(BIN)/python -m bench.rebalance
	@$(BIN)/python -m bench.controls
	@$(BIN)/python -m bench.partition_limits

clean: ## Remove what was made here; the user's tool cache stays.
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis runs
