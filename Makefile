# Two commands matter:  make demo  and  make test.  `make` alone lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first Python that is new enough; say make PYTHON=... to choose another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; exit; }; done; echo python3)
BIN := .venv/bin

.PHONY: help env env-dev ui demo test check fmt docs lock fuzz bench interop phones faults clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

demo: env ui  ## four rendered cameras, the server, an alarm within the minute
	@$(BIN)/haechi demo $(ARGS)

test: env-dev ui  ## the whole suite: unit, property, contract, end to end (may use apt for programs, and says so)
	@$(PYTHON) scripts/ui.py test
	@$(PYTHON) scripts/programs.py
	@bash scripts/test.sh $(ARGS)

check: env-dev  ## style, types, import rules, sizes, habits
	@PYTHON=$(PYTHON) bash scripts/check.sh

env:  ## the Python environment that the demo needs, in .venv
	@$(PYTHON) scripts/bootstrap.py

env-dev:
	@$(PYTHON) scripts/bootstrap.py --dev

ui:  ## the front end, built into src/haechi/api/static
	@$(PYTHON) scripts/ui.py

fmt: env-dev  ## format the code and sort the imports
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

docs: env-dev  ## write docs/ref/*.md anew from the code (errors, metrics, commands, settings)
	@$(BIN)/python scripts/reference.py

lock:  ## write requirements/*.lock anew after a change of dependencies (LOCK_UPGRADE=1: newer versions)
	@$(PYTHON) scripts/bootstrap.py --uv-only
	@bash scripts/lock.sh

fuzz: env-dev  ## every parser for a short while (FUZZ_SECONDS each, default 20)
	@$(BIN)/python -m fuzz.run --seconds $${FUZZ_SECONDS:-20}

bench: env-dev  ## the measurements of docs/ref/bench-*.md (BENCH="ingest record live")
	@bash scripts/bench.sh

interop: env-dev  ## ffmpeg, GStreamer and VLC as cameras, clients and senders, 7 min (may use apt for them)
	@$(PYTHON) scripts/programs.py --interop
	@$(BIN)/pytest -q -m interop $(ARGS)

phones: env-dev ui  ## two browsers on two hosts behind NATs, with coturn, 3 min (needs root; may use apt for them)
	@$(PYTHON) scripts/programs.py --phones
	@$(BIN)/pytest -q -m phones $(ARGS)

faults: env-dev  ## the whole fault suite (2-3 h), then docs/ref/faults.md anew (FAULTS="kill power" FAULTS_KILL=50 SEED=7)
	@$(PYTHON) scripts/programs.py
	@$(BIN)/pytest -q -m faults tests/vision
	@$(BIN)/python -m tests.faults.run $(FAULTS) $(if $(SEED),--seed $(SEED)) --results .cache/faults
	@$(BIN)/python -m tests.faults.table .cache/faults docs/ref/faults.md

clean:  ## remove what was built; keeps your recordings
	@rm -rf .venv .cache build dist src/haechi/api/static ui/node_modules .mypy_cache .ruff_cache .pytest_cache
