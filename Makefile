# Every task of the project. Needs Python 3.11 or newer and make; the rest is installed into .venv by pip.
#   make demo    sees it work        make test    checks everything        make help    lists the others

PYTHON ?= python3
WORKERS ?= 2
# Tests that wait for servers and for processes they kill leave the cores idle: one more fills them.
TESTERS = $(shell expr $(WORKERS) + 1)
VENV := .venv
BIN := $(VENV)/bin
QUIET := --disable-pip-version-check --no-input --quiet
PIP := $(BIN)/python -m pip $(QUIET)
PINS := build/pins
PINNED := --constraint constraints.txt --build-constraint constraints.txt
# Debian packages that have to be there before pip can work. Installed only where they are missing.
SYSTEM_PACKAGES := python3-venv

# Compiled files are kept whatever the shell says: without them every process that a test starts compiles all anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint types contracts format bench real prove mutants pins clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.runtime ## start a CRM and an ERP, sync them once, check the result
	@$(BIN)/connector demo --once
	@echo
	@echo "Run $(BIN)/connector demo to keep it going, with web pages to edit records. Ctrl-C ends it."

test: $(VENV)/.dev lint types contracts ## lint, types, import contracts and every test
	@echo "tests"
	@$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

lint: $(VENV)/.dev ## style and layout of the code
	@echo "lint"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Run make format."; exit 1; }

types: $(VENV)/.dev ## mypy, strict
	@echo "types"
	@$(BIN)/mypy --no-error-summary

contracts: $(VENV)/.dev ## who may import whom, see .importlinter
	@echo "contracts"
	@$(BIN)/lint-imports --no-logo > $(VENV)/contracts.log || { cat $(VENV)/contracts.log; exit 1; }

format: $(VENV)/.dev ## lay the code out and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format .

bench: $(VENV)/.dev ## run the benchmarks (minutes), or one: make bench BENCH=benchmarks/NAME.py
	@for file in $(BENCH); do echo "$$file"; $(BIN)/python "$$file" || exit 1; done

BENCH ?= $(shell grep -l __main__ benchmarks/*.py)

real: $(VENV)/.dev ## test against a real Tryton, on SQLite and on PostgreSQL; sets it up in build/tryton (minutes, once)
	@for kind in $(REAL); do \
	  echo "tryton on $$kind"; \
	  $(BIN)/python -m tests.real.tryton prepare $$kind && REAL_DATABASE=$$kind $(BIN)/python -m pytest tests/real || exit 1; \
	done

# One kind alone: make real REAL=sqlite. TRYTON_FOLDER: where Tryton and its seeded copies are kept instead.
REAL ?= sqlite postgres

prove: $(VENV)/.dev ## try to break the sync, an hour; writes docs/proof.md and the figures in README.md. Minutes, to build/proof.md: make prove PROVE=--quick
	@$(BIN)/python -m connector.testing.proof --workers $(WORKERS) $(FLAGS) $(PROVE)

# SEEDS: the first one, or first:last. OPERATIONS: a million if not given. PROVE: other flags, see
# connector/testing/proof.py; --resume goes on after Ctrl-C.
FLAGS = $(if $(OPERATIONS),--operations $(OPERATIONS)) $(if $(SEEDS),--seeds $(SEEDS))

mutants: $(VENV)/.dev ## put bugs in on purpose: each has to be noticed (half an hour). One: make mutants ONLY="cursor first"
	@mkdir -p build
	@$(BIN)/python -m tests.mutants.run --workers $(WORKERS) $(if $(ONLY),--only "$(ONLY)",--json build/mutants.json $(AGAIN)) $(ALONE)

# AGAIN=--again: only those not caught the last time.
# SIMULATOR: how many seeds the simulator plays to find each bug by itself, as a second column.
ALONE = $(if $(SIMULATOR),--simulator $(SIMULATOR))

pins: ## take the newest allowed versions into constraints.txt
	@rm -rf $(PINS)
	@$(PYTHON) -m venv $(PINS)
	@$(PINS)/bin/python -m pip $(QUIET) install --upgrade pip
	@$(PINS)/bin/python -m pip $(QUIET) install --editable . --group dev hatchling editables
	@$(PINS)/bin/python -m pip freeze --all --exclude-editable --exclude setuptools > constraints.txt
	@rm -rf $(PINS)
	@echo "constraints.txt holds $$(wc -l < constraints.txt) pins. Run make test."

clean: ## remove everything that the tasks made
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------------------------ set-up
# Stamp files: work is done again only when the dependencies changed.

$(VENV)/.pip: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null || $(install-system)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt --upgrade pip
	@touch $@

$(VENV)/.runtime: $(VENV)/.pip pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (well under two minutes, once)"
	@$(PIP) install $(PINNED) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Installing the tools for development (once)"
	@$(PIP) install $(PINNED) --group dev
	@touch $@

define install-system
{ if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; \
  then apt-get update -qq && apt-get install -y -qq $(SYSTEM_PACKAGES) > /dev/null; \
  else echo "Install $(SYSTEM_PACKAGES) first, for example: sudo apt-get install $(SYSTEM_PACKAGES)"; exit 1; fi; }
endef
