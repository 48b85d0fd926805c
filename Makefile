# make demo   run the three challenges end to end on generated music; ends with a report
# make check  style, types and fast tests: run it before each commit
# make test   all tests
# make test-slurm   the evaluation as an array on a real SLURM of two nodes on this machine; installs
#             Debian's packages if it may, and says so if it cannot run
# make test-faults   disturb every step with random faults, FAULTS of them (default: 500)
# make docs   build the documentation site in site/
#
# PYTHON chooses the interpreter (3.11 to 3.13) for the virtual environment in .venv.
# TESTS chooses which tests `make test` runs: TESTS=slow leaves out those of `make check`.
# PYTEST passes options to pytest, for example PYTEST="-k nalr". Without, it uses all cores.
PYTHON ?= python3
TESTS ?= slow or not slow
PYTEST ?= -n auto --dist worksteal
FAULTS ?= 500
VENV := .venv
RUN := $(VENV)/bin/python
# Tests run side by side, each on one core: threads of torch that wait for a core slow each other down
TEST := OMP_NUM_THREADS=1 $(RUN) -m pytest
# setuptools warns of every editable installation, whatever the project; there is nothing to act on
INSTALL := PYTHONWARNINGS="ignore:Editable installation" $(RUN) -m pip install --quiet

.PHONY: demo check test test-slurm test-faults docs clean

demo: $(VENV)/installed
	$(RUN) -m cadenza.demo demo

check: $(VENV)/installed-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(TEST) $(PYTEST)

test: $(VENV)/installed-dev
	$(TEST) -m "$(TESTS)" $(PYTEST)

test-slurm: $(VENV)/installed-dev
	@if tests/slurm/install.sh; then \
	    $(INSTALL) --editable ".[slurm]" && $(RUN) -m pytest -v -rs tests/slurm/array_on_slurm.py; \
	fi

test-faults: $(VENV)/installed-dev
	$(RUN) -m tests.faults $(FAULTS)

# -E starts from scratch: the lists of functions do not notice new ones by themselves
docs: $(VENV)/installed
	$(INSTALL) --editable ".[docs]"
	rm -rf site docs/reference/generated
	$(RUN) -m sphinx -W --keep-going -E -q -b html -d build/doctrees docs site
	$(RUN) docs/check_links.py site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(INSTALL) --editable .
	$(RUN) -m cadenza.haaqi
	touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(INSTALL) --editable ".[dev]"
	$(RUN) -m cadenza.haaqi
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) demo site build docs/auto_gallery docs/reference/generated dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache
