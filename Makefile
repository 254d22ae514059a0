# Everything a fresh machine needs is Python 3.11 and make; `make` alone tells what there is.
# Progress goes to stderr and recipes are silent, so that stdout belongs to the program that was asked for.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# Whoever has the development tools keeps them: `make demo` must not shrink their environment.
INSTALLED := $(if $(wildcard $(VENV)/dev.stamp),dev,$(if $(wildcard $(VENV)/backtest.stamp),backtest,runtime))
PARALLEL := -n auto --dist loadscope --no-loadscope-reorder
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

export UV_COMPILE_BYTECODE := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Unset, or every process that a test starts compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-backtest setup-dev demo check test lint quick format lock clean

help:
	@echo 'make demo               run Fairlead with pretend money; ARGS="--once" passes options on'
	@echo 'make setup              install what running needs into $(VENV), from hash-pinned locks'
	@echo 'make setup-backtest     the same, and what backtests and conditions of rules need: Polars, numba, Optuna, TA-Lib'
	@echo 'make setup-dev          the same, and the tools for changing it'
	@echo 'make check              before each commit: format, ruff, mypy, import contracts, quick tests'
	@echo 'make test               what CI runs: the same with the whole suite, slow tests too'
	@echo 'make format             let ruff put the code into shape'
	@echo 'make lock               after changing dependencies in pyproject.toml; ARGS="--upgrade" for newer versions'
	@echo 'make clean              remove the environment and every cache'
	@echo
	@echo 'One test:               $(BIN)/pytest tests/orders -k twice'
	@echo 'The program:            $(BIN)/fairlead --help'

setup: $(VENV)/$(INSTALLED).stamp
	@echo 'Ready: $(BIN)/fairlead --help' >&2

setup-backtest: $(VENV)/$(if $(wildcard $(VENV)/dev.stamp),dev,backtest).stamp
	@echo 'Ready: $(BIN)/fairlead backtest --help' >&2

setup-dev: $(VENV)/dev.stamp
	@echo 'Ready: make check' >&2

demo: $(VENV)/$(INSTALLED).stamp
	@$(BIN)/fairlead demo $(ARGS)

check: lint quick

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

quick: $(VENV)/dev.stamp
	@HYPOTHESIS_PROFILE=quick $(BIN)/pytest $(PARALLEL) -m 'not slow' $(ARGS)

test: lint
	@scripts/install-test-servers.sh
	@$(BIN)/pytest $(PARALLEL) $(ARGS)

format: $(VENV)/dev.stamp
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

# The locks in place are the preferences of the next resolution, so only what must change does; and the runtime lock is
# constrained by the development lock, so both come from one resolution. Nothing in them names a host.
lock: $(VENV)/uv.stamp
	@$(COMPILE) $(ARGS) requirements-uv.in -o requirements-uv.lock
	@$(COMPILE) $(ARGS) pyproject.toml --all-extras --group dev -o requirements-dev.lock
	@$(COMPILE) $(ARGS) pyproject.toml -c requirements-dev.lock -o requirements.lock
	@$(COMPILE) $(ARGS) pyproject.toml --extra backtest --extra rules -c requirements-dev.lock -o requirements-backtest.lock

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Fairlead needs Python 3.11 or newer as $(PYTHON); name another with: make PYTHON=/path/to/python3.11 ...' >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'This Python cannot make a virtual environment. On Debian and Ubuntu: sudo apt-get install python3-venv' >&2; \
	  exit 1; }
	@echo 'Making $(VENV)' >&2
	@"$(PYTHON)" -m venv --clear $(VENV) >&2 || { rm -rf $(VENV); exit 1; }

$(VENV)/uv.stamp: $(BIN)/python requirements-uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock >&2
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/uv.stamp requirements.lock pyproject.toml
	@$(BIN)/uv pip sync --require-hashes requirements-uv.lock requirements.lock >&2
	@$(BIN)/uv pip install --no-deps --no-build-isolation -e . >&2
	@touch $@

$(VENV)/backtest.stamp: $(VENV)/uv.stamp requirements-backtest.lock pyproject.toml
	@$(BIN)/uv pip sync --require-hashes requirements-uv.lock requirements-backtest.lock >&2
	@$(BIN)/uv pip install --no-deps --no-build-isolation -e . >&2
	@touch $@

$(VENV)/dev.stamp: $(VENV)/uv.stamp requirements-dev.lock pyproject.toml
	@$(BIN)/uv pip sync --require-hashes requirements-uv.lock requirements-dev.lock >&2
	@$(BIN)/uv pip install --no-deps --no-build-isolation -e . >&2
	@touch $@
