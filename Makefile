# make demo    judge a drawn world with the tiny judge and write demo/index.html
# make test    lint, types, import contracts and all fast tests
# make lint    the first three alone      make slow    the tests that take minutes
# make perf    what is measured, into perf/results     make clean   remove what make made
# make picture the README's picture of the demo page (needs Chromium)
#
# The first of them makes $(VENV) and installs into it; later ones reuse it until pyproject.toml
# or constraints.txt change. To use an environment of your own with its own PyTorch, name it:
# `make test VENV=/path/to/env`; the torch found there is kept.

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
SEED ?= 0

BIN := $(VENV)/bin
STAMP := $(VENV)/.unireward-$(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')
# Two test workers on two cores: more threads than cores only wait for each other.
TEST_ENV := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1

.PHONY: demo picture test lint slow perf install clean

demo: $(STAMP)
	$(BIN)/unireward demo --out demo --seed $(SEED)

picture: $(STAMP)
	$(BIN)/python docs/images/picture.py

test: lint
	$(TEST_ENV) $(BIN)/pytest -n 2 -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

slow: $(STAMP)
	$(TEST_ENV) $(BIN)/pytest -m slow

perf: $(STAMP)
	set -e; for script in perf/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

install: $(STAMP)

# torch first, in a call of its own: a dependency that asks for it would bring another build.
# What is then found, ours or the user's, is pinned for the call that installs the rest.
$(STAMP): $(BIN)/python
	@$(BIN)/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)' \
	  || $(BIN)/python -m pip install -q "$(TORCH)"
	@$(BIN)/python -c 'import importlib.metadata as m; print("torch==" + m.version("torch"))' \
	  > $(VENV)/torch-kept.txt
	$(BIN)/python -m pip install -q -c constraints.txt -c $(VENV)/torch-kept.txt -e ".[dev]"
	@rm -f $(VENV)/.unireward-*
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than Python 3.11: make PYTHON=/path/to/python3.11"; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf .venv demo build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests perf -name __pycache__ -type d -prune -exec rm -rf {} +
