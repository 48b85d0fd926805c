# make demo   the ICASSP 2024 challenge, end to end, on music made by the program itself
# make test   all tests
# make check  style, types and the fast tests: run it before each commit
# make docs   the API's documentation, in site/
#
# PYTHON chooses the interpreter (3.11 to 3.13) of the virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test check docs clean

demo: $(VENV)/installed
	$(RUN) -m cadenza.demo demo

test: $(VENV)/installed-dev
	$(RUN) -m pytest -m "slow or not slow"

check: $(VENV)/installed-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(RUN) -m pytest

docs: $(VENV)/installed
	$(RUN) -m pip install --quiet --editable ".[docs]"
	$(RUN) -m pdoc --docformat numpy --output-directory site cadenza '!cadenza.recipes' '!cadenza.demo.__main__'

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(RUN) -m pip install --quiet --editable .
	$(RUN) -m cadenza.haaqi
	touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(RUN) -m pip install --quiet --editable ".[dev]"
	$(RUN) -m cadenza.haaqi
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) demo site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
