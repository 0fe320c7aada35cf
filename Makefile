# `make demo` and `make test` need Python 3.11 to 3.13 and nothing else; both set up .venv from constraints.txt first.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt
BENCHMARKS := simulate io scale taggers predict published inference posterior \
	likelihoods equations bounce transitions integrate generate lattice
WORKERS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
export PYTHONDONTWRITEBYTECODE :=  # compiled modules are kept for the many processes that the tests start

.PHONY: demo test lint types docs unit bench fuzz clean help

help:
	@echo "make demo    set up .venv and run the main job: collisions, taggers, report page (2 to 4 minutes)"
	@echo "make test    set up .venv and run every check: style, types, documentation, tests"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make bench   measure the claims of docs/benchmarks.md (long)"
	@echo "make fuzz    10,000 damaged files of every format for the readers; FUZZ='--files 500 --format lhe' for fewer"
	@echo "make clean   remove .venv and what was built"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "partonic needs Python 3.11, 3.12 or 3.13; none was found. Set PYTHON=/path/to/python."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.simulate: constraints.txt pyproject.toml | $(BIN)/python
	$(PIP) torch
	$(PIP) -e '.[simulate]'
	@touch $@

$(VENV)/.dev: $(VENV)/.simulate
	$(PIP) -e '.[simulate,cluster,export,lgatr,dev,docs]'
	@touch $@

demo: $(VENV)/.simulate
	$(BIN)/partonic demo

test: lint
	$(MAKE) -j2 types docs
	$(MAKE) unit

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell src tests docs benchmarks README.md CONTRIBUTING.md CHANGELOG.md

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

unit: $(VENV)/.dev
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.dev
	$(PIP) -e '.[simulate,cluster,export,lgatr,dev,docs,peers]'
	@failed=; for name in $(BENCHMARKS); do \
		echo "benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; done; \
	echo "partonic run top-tagging"; $(BIN)/partonic run top-tagging --jets 40000 || failed="$$failed top-tagging"; \
	test -z "$$failed" || { echo "A bar does not hold, or the run stopped, in:$$failed"; exit 1; }

fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz/fuzz_readers.py $(FUZZ)

clean:
	rm -rf $(VENV) docs/_build docs/jupyter_execute build dist src/*.egg-info
