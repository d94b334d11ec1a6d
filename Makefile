PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test peers check docs bench

demo: $(VENV)/study.stamp
	$(BIN)/metrascope study demo --out demo

# By file: what the tests of a file share is then made once.
test: check
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The tests that need programs and packages of others, one after the other: Ray has two workers.
peers: $(VENV)/dev.stamp
	$(BIN)/pytest -m peer -rs

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation and the API reference as a site of files: open site/index.html.
docs: $(VENV)/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# Threads sleep while they wait, as those of a study do: on a busy machine spinning ones would make
# the references many times slower.
bench: $(VENV)/dev.stamp
	GOMP_SPINCOUNT=10000 $(BIN)/python -m benchmarks

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Metrascope needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/study.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -e ".[study]"
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -e ".[dev]"
	touch $@ $(VENV)/study.stamp

$(VENV)/docs.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -e ".[docs]"
	touch $@
