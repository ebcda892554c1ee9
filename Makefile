# Every target works on a machine with nothing but Python 3.11+ and make: each one installs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install up test lint format docs benchmark benchmark-queries benchmark-accuracy clean

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  make %-18s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make the virtual environment in .venv and install everything into it

$(VENV)/.installed: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Vakka needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": run make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,test,lint]'
	@touch $@

up: install ## Start everything on this machine (make up ARGS="--demo"); Ctrl-C stops it
	@exec $(BIN)/vakka up $(ARGS)

test: install ## Run every test, three files at a time (make test ARGS="tests/unit -k parse")
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(ARGS)

lint: install ## Check style, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy api instance_agent mission_control infra examples benchmarks tests
	$(BIN)/codespell

format: install ## Put the code into its one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## Write the reference pages (errors, settings, conformance) from the code
	$(BIN)/python -m tests.reference
	$(BIN)/python -m tests.query_language

benchmark: install ## Measure the storage beside other databases (make benchmark ARGS="--rows 10000"), write docs/benchmarks.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmark]'
	$(BIN)/python -m benchmarks.storage $(ARGS)

benchmark-queries: install ## Measure queries beside other databases, write docs/benchmarks-queries.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmark]'
	$(BIN)/python -m benchmarks.queries $(ARGS)

benchmark-accuracy: install ## Measure predictions beside scikit-learn, write docs/accuracy.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmark]'
	$(BIN)/python -m benchmarks.accuracy $(ARGS)

clean: ## Remove the virtual environment and what tools left behind
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
