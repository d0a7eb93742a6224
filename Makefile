# Every target sets up .venv by itself; `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
PYTEST_ARGS ?=
# Test processes side by side: tests wait more than they compute.
AT_ONCE     ?= 6
BENCH_ARGS  ?=
AUDIT_ARGS  ?=
MINUTES     ?= 60
SEEDS       ?= 1000
LOCKED      := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup demo run test simulate faults production soak environments screenshots lint format messages audit bench lock services clean

help: ## Show this list
	@printf 'easyai: camera frames to detection alerts\n\nusage: make TARGET\n\n'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nPYTHON=python3.12 chooses the interpreter (3.11 or later) of a new %s.\n' '$(VENV)'

setup: $(STAMP) ## Make the virtual environment .venv with easyai and its tools

$(STAMP): pyproject.toml locks/dev.txt
	@scripts/setup-venv '$(PYTHON)' '$(VENV)'
	@touch $@

demo: setup ## The whole system on real photographs, or on a video: make demo [VIDEO=street.mp4] [KEEP=1]
	@$(BIN)/python -m examples.demo $(if $(VIDEO),--video '$(VIDEO)') $(if $(KEEP),--stay)

run: setup ## Start easyai here: API, worker and beat (EASYAI_CONFIG names a settings file)
	@$(BIN)/easyai up

test: setup ## Install what the tests need, if root or sudo can, and run them (PYTEST_ARGS="-k frame")
	@scripts/install-services --if-possible
	@$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

simulate: setup ## Invent worlds and their faults, one a seed: make simulate SEEDS=1000, or SEED=7
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) --shrink,--seeds $(SEEDS)) $(SIMULATE_ARGS)

faults: setup ## Break everything while frames come in; writes docs/reliability.md
	@$(BIN)/python -m pytest tests/faults --faults -n 4 --dist load --maxschedchunk 1 $(if $(CI),,--write-report) $(PYTEST_ARGS)

production: setup ## Containers, servers, many machines: all that production has, really started (root)
	@scripts/install-engine
	@$(BIN)/python -m pytest tests/production --production -n 3 --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

soak: setup ## Everything on for an hour: nothing may grow; writes docs/reliability.md (MINUTES=5)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(filter 60,$(MINUTES)),--write-report)

environments: setup ## Start easyai in some eighty environments; writes docs/environments.md (ONLY=GBK)
	@$(BIN)/python -m tests.environments --write-report $(if $(ONLY),--only '$(ONLY)')

screenshots: setup ## Take the pictures of the dashboard in docs/images, of a running demo (4 minutes)
	@$(BIN)/python -m tests.browser.screenshots

lint: setup ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

messages: setup ## Bring the texts of all languages up to date and compile them (NEW=de adds one)
	@scripts/messages '$(VENV)' $(NEW)

audit: setup ## Look up the versions of locks/ in the published advisories; needs the network
	@scripts/audit '$(VENV)' $(AUDIT_ARGS)

bench: setup ## Measure speed against plain Celery (BENCH_ARGS="--help")
	@$(BIN)/python -m bench $(BENCH_ARGS)

lock: setup ## Choose the newest allowed version of each library anew: writes locks/
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@$(BIN)/uv pip compile $(LOCKED) pyproject.toml --extra otel -o locks/server.txt
	@$(BIN)/uv pip compile $(LOCKED) pyproject.toml --extra dev -o locks/dev.txt
	@$(BIN)/uv pip compile $(LOCKED) pyproject.toml --extra demo -o locks/demo.txt
	@$(BIN)/uv pip compile $(LOCKED) --group image -o locks/image.txt

services: ## Install the servers and programs that the tests need (Debian packages; root or sudo)
	@scripts/install-services

clean: ## Remove the virtual environment and all caches; keeps data and snapshots
	@rm -rf '$(VENV)' .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
