# Everything Backhaul is built, checked and shown with. `make` alone lists it.

SHELL       := /bin/sh
.DEFAULT_GOAL := help

PYTHON      ?= python3
VENV        ?= .venv
BIN         := $(VENV)/bin
STAMP       := $(VENV)/.set-up
LOCK        := requirements/dev.lock
PIP         := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
JOBS        ?= 2
PYTEST_ARGS ?=
SPREAD       = $(if $(filter-out 0,$(JOBS)),-n $(JOBS) --dist worksteal)
TRACED      := --cov=backhaul.domain --cov=backhaul.application --cov-branch --cov-report=
# What is traced to ask what no test reaches: tracing costs half as much again, so the other tests run without. A line that only another
# file reaches lets the question at the end of `make test` fail: name that file here, or tell the story where the line lives.
REACHING    := tests/domain tests/application \
	$(addprefix tests/entrypoints/test_,api.py attending.py joining.py journals.py paying.py proving.py) \
	$(addprefix tests/journeys/test_,adapter_stops.py availability.py batch_approval.py by_version.py calendars.py central_listening.py close.py \
	drift.py erasing.py figures.py held.py journals.py kinds_goods_hub.py kinds_goods_late.py kinds_goods_wrong.py lease.py matches_shown.py \
	modes.py not_accepted.py paid.py preview.py prove_now.py push.py read_again.py read_back.py replay_plan.py resolving.py retention.py \
	roll_forward.py signals.py surplus.py sweep.py told.py unplaced.py versions.py)
DEMO_ARGS   ?=
BENCH_ARGS  ?=

.PHONY: help setup demo test check crash bench images docs lock clean

help: ## List what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the environment in .venv from the lock file, every package by its hash

$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with make PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) from $(LOCK)"
	@$(PIP) install --require-hashes -r $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Run the main job on real returns, ZigZag and Dynamics 365 emulated on loopback (DEMO_ARGS)
	@$(BIN)/backhaul demo $(DEMO_ARGS)

test: setup ## Run every test, in two processes, and ask what of domain and application none reached; JOBS=0, PYTEST_ARGS
	@tests/browser/prepare
ifneq ($(strip $(PYTEST_ARGS)),)
	@$(BIN)/python -m pytest $(SPREAD) $(PYTEST_ARGS)
else
	@status=0; \
	$(BIN)/python -m pytest $(SPREAD) $(TRACED) $(REACHING) || status=$$?; \
	$(BIN)/python -m pytest $(SPREAD) tests $(addprefix --ignore=,$(REACHING)) || status=$$?; \
	exit $$status
	@$(BIN)/coverage report --include='src/backhaul/domain/*' --fail-under=100
	@$(BIN)/coverage report --include='src/backhaul/application/*' --fail-under=96
endif

check: setup ## Read the code and the docs: style, types, imports, references
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/docs

crash: setup ## Let the process die at every point of every mode of both ERPs, in two processes
	@BACKHAUL_EVERY_POINT=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/crash

bench: setup ## Measure floors, peers and Backhaul side by side (BENCH_ARGS=--quick for three repetitions)
	@$(BIN)/python bench/run.py $(BENCH_ARGS)

images: setup ## Draw the images of the documentation anew, by the browser tests
	@tests/browser/prepare
	@BACKHAUL_IMAGES=docs/images $(BIN)/python -m pytest -q tests/browser/test_looks.py

docs: setup ## Build the documentation into site/, with every link checked
	@$(BIN)/mkdocs build --strict --quiet

lock: setup ## Write the lock file anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-header --no-emit-index-url --extra dev --python-version 3.11 --output-file $(LOCK) pyproject.toml

clean: ## Remove what was built and measured; the environment and var/ stay
	@rm -rf build dist site .coverage .coverage.* coverage.xml .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis bench/result.json
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
