PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test check docs bench bench-training bench-accelerator clean

install: $(VENV)/installed

# Most of what is installed is never imported: compiling all of it would take almost half of the time.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile -e '.[dev]'
	touch $@

demo: install
	$(BIN)/nearsight demo

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPY_NUM_WORKERS=2 $(BIN)/mypy

# Two processes of one thread each: quicker than one of two, and the same on every machine. Each takes half of the
# tests as they stand, so that what a module makes for its tests is made once, and then from the other's rest. Many
# tests start commands; without bytecode each would compile the package anew.
test: check
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# The site in build/docs. A broken link, anchor or docstring fails it, as it fails `make test`, which builds the site and
# throws it away, and runs the examples of the pages.
docs: install
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

# Half an hour on two free cores; each can be run alone: python -m benchmarks NAME.
bench: install
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks ceilings
	$(BIN)/python -m benchmarks evidence
	$(BIN)/python -m benchmarks maps
	$(BIN)/python -m benchmarks removal
	$(BIN)/python -m benchmarks batches
	$(BIN)/python -m benchmarks step
	$(BIN)/python -m benchmarks small-grids
	$(BIN)/python -m benchmarks freed-memory
	$(BIN)/python -m benchmarks decoding
	$(BIN)/python -m benchmarks startup
	$(BIN)/python -m benchmarks diagnosis
	$(BIN)/python -m benchmarks many-classes

# Training times to an accuracy, on the sets under NEARSIGHT_DATA: five to six hours of one core.
bench-training: install
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks accuracy cifar10
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks accuracy stl10

# All that is measured on a GPU.
bench-accelerator: install
	$(BIN)/python -m benchmarks accelerator

clean:
	rm -rf $(VENV) nearsight-demo
