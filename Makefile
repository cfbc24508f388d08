# make setup: .venv from the full lock. make demo: tables from nothing. make test: the test suite.
PYTHON ?= python3
PAPER ?= ts_mixit
BIN := .venv/bin

.PHONY: setup demo test lint

setup: .venv/complete

# The lock is full, so that pip resolves nothing anew (but CUDA, where the platform has it).
.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sepflow needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=26"
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/snakemake --cores all --config scale=demo -- $(PAPER)
	@cat results/demo/tables/$(PAPER)/*.md
	@printf '\nTables (csv, md, tex, svg): results/demo/tables/$(PAPER)/\nPictures (svg, png):        results/demo/figures/$(PAPER)/\nModels and histories:       results/runs/\nWhat was run:               sepflow plan --scale demo (in $(BIN))\n'

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
