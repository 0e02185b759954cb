# Two commands on a bare machine with Python 3.11 or later: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AT_ONCE := --numprocesses auto --maxprocesses 4 --dist worksteal
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo setup test test-slow test-oldest coverage check docs benchmarks clean
.DEFAULT_GOAL := demo

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "probekit needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	@echo "Setting up $(VENV) (some minutes the first time) ..."
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(PIP) torch==2.13.0
	@$(PIP) --editable '.[demo,test,docs]'
	@touch $@

demo: $(VENV)/ready  ## probe a real model on the bundled corpus: a table, and probekit-runs/demo/heatmap.png
	@$(BIN)/probekit probe --model minilm --task pos,dep,srl,coref --corpus sample --out probekit-runs/demo

setup: $(VENV)/ready  ## .venv, with everything that the other commands need

test: $(VENV)/ready  ## all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" $(AT_ONCE)

test-slow: $(VENV)/ready  ## the slow ones: notebooks, kills, whole runs
	@$(BIN)/python -m pytest -m slow $(AT_ONCE)

test-oldest: $(VENV)/ready  ## the tests with the oldest versions that pyproject.toml accepts, but for torch
	@$(BIN)/pip install --quiet uv
	@mkdir -p build && echo torch==2.13.0 > build/torch.txt
	@$(BIN)/uv pip compile --quiet --resolution lowest-direct --all-extras --override build/torch.txt \
		pyproject.toml --output-file build/oldest.txt
	@grep -v '^nvidia-\|^triton==\|^cuda-' build/oldest.txt > build/installed.txt
	@$(PYTHON) -m venv --clear build/oldest
	@build/oldest/bin/pip install --quiet --no-deps --requirement build/installed.txt
	@build/oldest/bin/pip install --quiet --no-deps --editable .
	@build/oldest/bin/python -m pytest -m "not slow" -W default $(AT_ONCE)

coverage: $(VENV)/ready  ## the same, with what the tests leave out; fails under the floor in pyproject.toml
	@$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

check: $(VENV)/ready  ## linters, types, import directions
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

docs: $(VENV)/ready
	@$(BIN)/mkdocs build --strict --quiet

benchmarks: $(VENV)/ready  ## speed, as ratios (accuracy is by name, see the README); needs the real corpora (PROBEKIT_MIRROR or a network)
	@$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) site build dist probekit-runs
