PYTHON ?= python3
EXTRAS ?= server,eval,dev
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo setup test serve lint bench docs clean
.DELETE_ON_ERROR:

demo: .venv/.base  ## install, ingest the sample handbook, ask a question
	$(BIN)/footnote ingest eval/datasets/handbook/documents
	$(BIN)/footnote ask "How many days a year may I work from abroad?"

serve: .venv/.base  ## answer over HTTP on http://127.0.0.1:8000
	$(BIN)/footnote serve

test: .venv/.dev  ## the whole test suite
	$(BIN)/python -m pytest

lint: .venv/.dev  ## style, types, import directions, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app.cli.docs --check

docs: .venv/.dev  ## write the generated parts of README.md anew
	$(BIN)/python -m app.cli.docs

bench: .venv/.bench  ## speed, as ratios to named alternatives
	$(BIN)/python -m eval.bench

setup: .venv/.dev

clean:
	rm -rf .venv

.venv/.base: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/.dev: .venv/.base
	$(PIP) --editable '.[$(EXTRAS)]'
	touch $@

.venv/.bench: .venv/.dev
	$(PIP) --editable '.[bench]'
	touch $@
