# Needs Python >= 3.11 and make. Each goal makes .venv and installs what it
# needs, when that is not there yet.
PYTHON ?= python3
BIN := .venv/bin
NAME ?=

.PHONY: demo test lint format benchmark notebooks clean

demo: .venv/demo
	$(BIN)/python -m keras_synth demo

# Two processes: most of a test's time is one thread tracing a graph.
test: .venv/test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# make benchmark lists the names; make benchmark NAME=vae runs one.
benchmark: .venv/test
	$(BIN)/python -m benchmarks $(NAME)

# Runs the notebooks and stores their outputs.
notebooks: .venv/notebooks
	$(BIN)/python notebooks/run.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	sys.exit(not (3, 11) <= v < (3, 14) and "keras_synth needs Python 3.11 \
	to 3.13, and %s is %d.%d: make PYTHON=python3.12 ..." \
	% (sys.executable, *v))'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[samples]'
	@touch $@

.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

.venv/notebooks: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[samples,notebooks]'
	@touch $@

clean:
	rm -rf .venv
