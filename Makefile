# Needs python3 (3.11 or later, with venv) and make. `make help` lists the targets.

PYTHON ?= python3
PYTEST_FLAGS ?= -n 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test optimized mutants lint types docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/package.stamp ## fit, score and draw on embedded data
	$(BIN)/lowerbound demo

test: lint types ## lint, types, tests and doctests
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --ignore tests/test_docs.py

optimized: .venv/package.stamp ## tests of numbers, compiled as users compile (the others compile fast: tests/conftest.py)
	XLA_FLAGS="--xla_cpu_use_fusion_emitters=true --xla_backend_optimization_level=3" $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/reference tests/objectives \
		tests/evaluate/test_sampled_imputation.py

mutants: .venv/package.stamp ## faults planted in the source, each of which a test must find
	$(BIN)/python -m tests.mutants.run

lint: .venv/package.stamp ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/package.stamp ## mypy, strict
	$(BIN)/mypy

docs: .venv/package.stamp ## the documentation: its examples run, and it is built, where a warning is an error: docs/_build/html
	$(BIN)/python -m pytest $(PYTEST_FLAGS) tests/test_docs.py
	$(BIN)/python -m sphinx -W -n --keep-going --quiet -b html docs docs/_build/html

clean: ## remove caches and built files; .venv stays
	rm -rf build dist docs/_build .mypy_cache .pytest_cache .ruff_cache
	find src tests docs -type d -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each half, so that editing pyproject.toml does not install the lock again.
.venv/lock.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "PYTHON must be 3.11 or later: make PYTHON=python3.11")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.lock
	@touch $@

.venv/package.stamp: .venv/lock.stamp pyproject.toml
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
