# Needs Python >= 3.11 and make alone. Each goal creates .venv and installs
# into it what it needs, when that is not there yet.
PYTHON ?= python3
BIN := .venv/bin
NAME ?=

.PHONY: demo test test-slow test-all lint format docs benchmark presets notebooks clean

demo: .venv/demo
	$(BIN)/python -m keras_synth demo --resume

# Two processes: most of a test's time is one thread tracing a graph.
test: .venv/test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

# Those that are slow, as far as the same packages allow.
test-slow: .venv/test
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist worksteal

# All of them, with another backend of Keras, Ray and a browser.
test-all: .venv/test-all test
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist worksteal

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in build/docs/index.html. A warning is an error.
docs: .venv/docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/docs

# make benchmark lists the names; make benchmark NAME=vae runs one.
benchmark: .venv/test
	$(BIN)/python -m benchmarks $(NAME)

# Trains the presets that are not trained yet; call it again to go on.
presets: .venv/test
	$(BIN)/python -m benchmarks presets

# Runs the notebooks and stores their outputs.
notebooks: .venv/notebooks
	$(BIN)/python notebooks/run.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	sys.exit(not (3, 11) <= v < (3, 14) and "keras_synth needs Python 3.11 \
	to 3.13, and %s is %d.%d: make PYTHON=python3.12 ..." \
	% (sys.executable, *v))'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# One stamp for each set of packages, named for the goal that needs it.
.venv/demo: EXTRAS = samples
.venv/test: EXTRAS = test
.venv/test-all: EXTRAS = test-all
.venv/docs: EXTRAS = docs
.venv/notebooks: EXTRAS = samples,video,notebooks
.venv/demo .venv/test .venv/test-all .venv/docs .venv/notebooks: \
		pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]'
	@touch $@

# Linting needs ruff alone, in the version that pyproject.toml names.
.venv/lint: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet "$$(grep -o 'ruff==[0-9.]*' $<)"
	@touch $@

clean:
	rm -rf .venv build docs/api docs/notebooks
