PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test check bench clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

demo: install
	$(BIN)/nearsight demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest

# Half an hour on two free cores; each can be run alone: python -m benchmarks NAME.
bench: install
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks ceilings
	$(BIN)/python -m benchmarks evidence
	$(BIN)/python -m benchmarks maps
	$(BIN)/python -m benchmarks decoding
	$(BIN)/python -m benchmarks startup

clean:
	rm -rf $(VENV) nearsight-demo
