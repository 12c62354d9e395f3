# Two commands do everything on a fresh machine with Python 3.11 or newer:
#   make demo    the main job on real photos; ends with pictures and a report to open
#   make test    every check that a change must pass
# Each sets up its own virtual environment in .venv first.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
OUT    ?= mien-demo

.PHONY: demo test test-long check format clean help

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "mien needs Python 3.11 or newer: say make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/core.done: pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/dev.done: $(VENV)/core.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/core.done
	$(BIN)/python -m mien demo --out $(OUT)

# What a change must pass: style, types, the floor plan, and the tests.
check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -q -m "not long"

# Hours, not minutes: 200,000 mutated pictures, 500 kills, 400 power cuts …
test-long: $(VENV)/dev.done
	$(BIN)/python -m pytest -q -m long

format: $(VENV)/dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
