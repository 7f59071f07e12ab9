# Two commands for a fresh machine with Python 3.11, make and git: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
WORKSPACE ?= workspace
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help demo test test-again test-full check bench lock wheel screenshots browser clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# One stamp per lock file: installed again only when the lock file or the project's own table changes.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/geosvc compile
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

$(VENV)/.installed-bench: requirements-bench.lock $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	@touch $@

demo: $(VENV)/.installed ## load 靖宇县, measure, draw maps, serve on 127.0.0.1:8000 (SERVE=0: do not serve)
	$(BIN)/geosvc demo --workspace $(WORKSPACE) --maps maps --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: $(VENV)/.installed-dev ## tests that fit in ten minutes on two cores
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile -o faulthandler_timeout=240

test-again: $(VENV)/.installed-dev ## what failed last time, one after the other
	$(BIN)/python -m pytest -m "not slow" --last-failed --last-failed-no-failures none --maxfail 3 -v -o faulthandler_timeout=240

test-full: $(VENV)/.installed-dev ## all tests: faults, fuzzing, real data, the built wheel
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev ## lint, types, import direction
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

bench: $(VENV)/.installed-bench ## times as ratios to peers, in one run
	$(BIN)/python benchmarks/bench_raster.py
	$(BIN)/python benchmarks/bench_graph.py
	$(BIN)/python benchmarks/bench_edits.py
	$(BIN)/python benchmarks/bench_live.py
	$(BIN)/python benchmarks/bench_planner.py
	$(BIN)/python benchmarks/bench_osm.py
	$(BIN)/python benchmarks/bench_registry.py

RESOLVE = $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group build pyproject.toml
lock: $(BIN)/python ## resolve the dependencies anew (needs uv in the environment: pip install uv)
	$(RESOLVE) -o requirements.lock
	$(RESOLVE) --extra dev -c requirements.lock -o requirements-dev.lock
	$(RESOLVE) --extra dev --extra bench -c requirements-dev.lock -o requirements-bench.lock

wheel: $(VENV)/.installed-dev ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

screenshots: $(VENV)/.installed-dev ## pictures of the demo for README and docs (needs Chromium)
	$(BIN)/python docs/make_screenshots.py

browser: ## install Chromium and Chinese fonts for browser tests (Debian, as root)
	apt-get update -qq && apt-get install -y -qq chromium fonts-wqy-microhei

clean: ## remove what can be made again
	rm -rf $(VENV) dist build workspace
