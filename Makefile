# `make` lists the targets. Everything works on a machine with Python 3.11+, git and make only.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
BIN := .venv/bin
STAMP := .venv/.installed
JOBS ?= 2

.PHONY: help install run test long check bench cover slow format lock css clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP)  ## Make .venv with livery and all that it needs, from the lock

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Livery needs Python 3.11 or newer, with venv."; exit 1; }
	@echo "Installing into .venv ($(PYTHON)) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

run: install  ## The main job: hire the analyst, digest your week, verify it, try to cheat
	@$(BIN)/livery demo

test: install  ## All tests but the long suites
	@$(BIN)/python tools/left_out.py
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q -m "not long"

long: install  ## The long suites, each try in a container of its own: every way out of it, and gVisor
	@$(BIN)/python tools/left_out.py
	@$(BIN)/python -m pytest -n $(JOBS) --dist load -q -m long

check: install  ## Linters, types, layers, purity, docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python tools/check_purity.py
	@$(BIN)/python tools/check_hosts.py

bench: install  ## The benchmarks of 7-performance, each beside what it is compared with
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-bench.lock
	@for name in governed-call decide http ingest load certify sandbox; do $(BIN)/livery bench $$name || exit 1; done

# Not under a tracer: in CPython 3.11 a traced function does not begin while a thread, asleep, has yet to notice that it
# is told to stop; the event loop stands still meanwhile.
NOT_TRACED := tests/execution/test_runtime.py::test_sleeping_skills_time_out_and_hold_no_one_up

cover: install  ## Branch coverage: 85 % overall, 95 % in the pure packages
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run -m pytest -q -n $(JOBS) --dist loadfile --deselect $(NOT_TRACED)
	@$(BIN)/python -m coverage combine -q
	@$(BIN)/python -m coverage report --skip-covered --fail-under=85
	@$(BIN)/python -m coverage report --include='*/livery/kernel/*,*/livery/manifest/*' --fail-under=95

slow: install  ## The long check: 1 GB of session logs whose totals their writer counted
	@$(BIN)/livery bench ingest

format: install  ## Format the code
	@$(BIN)/ruff format -q . && $(BIN)/ruff check --fix -q . || true

lock:  ## Resolve the locks anew (needs uv)
	@tools/lock.sh

css: install  ## Build the portals' style sheet (Node from a wheel where there is none)
	@web/build.sh

clean:  ## Remove what make made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* web/node_modules
