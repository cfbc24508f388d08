# make setup: .venv from the full lock. make demo: tables from nothing. make test: the test suite.
# make smoke: every row of every paper once, in 20 steps, and the tests of what came out.
# make rehearse: every rule of scale `paper`, corpus to table, on look-alikes of its corpora in small.
# make test-slurm: the same workflow on a SLURM that is started for it; as root, with slurm-wlm and munge.
PYTHON ?= python3
PAPER ?= ts_mixit
# Where torch comes from, if not from where pip gets everything: the address of one of PyTorch's own builds.
TORCH_INDEX ?=
BIN := .venv/bin

.PHONY: setup demo rehearse test smoke test-slurm lint

setup: .venv/complete

# The lock is full, so that pip resolves nothing anew (but CUDA, where the build of torch has it).
.venv/complete: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sepflow needs Python 3.11 or newer: make PYTHON=python3.11")'
	@printf 'Installing the %s packages of requirements.lock into .venv: 0.2 GB to download,\n' "$$(wc -l <requirements.lock)"
	@printf 'and torch: 0.2 GB for CPUs (1.6 GB on disk in all), 2.7 GB with CUDA (5.3 GB), which pip takes on Linux unless told otherwise.\n'
	@printf 'Another build: make setup TORCH_INDEX=ADDRESS, as the page "Get Started" of PyTorch shows it (.../cpu, .../cu126).\n\n'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --upgrade "pip>=26"
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --no-deps --index-url $(TORCH_INDEX) $(shell grep '^torch==' requirements.lock))
	$(BIN)/python -m pip install --requirement requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/snakemake --cores all --config scale=demo -- $(PAPER)
	@cat results/demo/tables/$(PAPER)/*.md
	@printf '\nTables (csv, md, tex, svg): results/demo/tables/$(PAPER)/\nPictures (svg, png):        results/demo/figures/$(PAPER)/\nModels and histories:       results/runs/\nWhat was run:               sepflow plan --scale demo (in $(BIN))\n'

rehearse: setup
	$(BIN)/python -m rehearsal

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

smoke: setup
	$(BIN)/snakemake --cores all --config scale=smoke
	$(BIN)/python -m pytest tests/smoke -n 2

test-slurm: setup
	$(BIN)/python -m pytest tests/slurm -rs --durations=0

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
