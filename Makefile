# Everything a newcomer needs: `make run` and `make test`.  Only Python >= 3.11 and make are required.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
PYTEST := $(BIN)/python -m pytest
# Many tests wait, for processes or for the disk: three at a time keep two cores busy.
WORKERS ?= 3
# The tests start hundreds of processes: without bytecode each of them would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-fast lint fmt type cov e2e bench docs-check docs golden clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(STAMP): pyproject.toml openusage_proto/__init__.py bin/openusage
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, found " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

setup: $(STAMP) ## make the virtual environment with everything in it

run: setup ## start the daemon and open the dashboard (demo data when the machine has no AI tool)
	@$(BIN)/openusage --or-demo

demo: setup ## show generated, labelled sample data in a throw-away directory
	@$(BIN)/openusage demo

test: lint ## everything CI checks
	@$(MAKE) --no-print-directory -j 2 type collect
	@$(MAKE) --no-print-directory cov

test-fast: setup ## unit tests only
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/unit -q

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

fmt: setup ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

type: setup
	@$(BIN)/mypy

# pytest rewrites the assertions of 400 modules and keeps the result: done once before the workers
# start (and beside mypy, which uses one core), it is not done once by each of them.  What cannot be
# collected is reported by the run itself.
collect: setup
	@$(PYTEST) --collect-only -qq >/dev/null 2>&1 || true

# The plug-in only measures (what tests start, too): left to report, it works the report out twice.
cov: setup ## all tests with branch coverage
	@rm -f .coverage .coverage.*
	@$(PYTEST) -n $(WORKERS) --dist worksteal -m "not agents" --cov --cov-branch --cov-report= --cov-fail-under=0
	@$(BIN)/python -m coverage report

e2e: setup ## run the real agents from npm against a local mock model server (needs node, npm, root)
	@$(PYTEST) tests/e2e -m agents

bench: setup ## print the figures of docs/performance.md
	@$(BIN)/python -m bench

docs: setup ## regenerate spec/openrpc.json, spec/schemas, the price table and the generated parts of docs/
	@$(BIN)/python -m openusaged.rpc.openrpc > spec/openrpc.json.new && mv spec/openrpc.json.new spec/openrpc.json
	@$(BIN)/python -m openusaged.rpc.schemas spec/schemas
	@$(BIN)/python -m openusaged.pricing.build_catalogue > $(VENV)/catalogue.json && mv $(VENV)/catalogue.json openusaged/pricing/catalogue.json
	@$(BIN)/python docs/make_tables.py --write

docs-check: setup
	@$(PYTEST) tests/unit/test_docs.py -q

golden: setup ## rewrite the golden files; review the difference
	@OPENUSAGE_GOLDEN=rewrite $(PYTEST) tests/tui tests/unit/openusage_client -q

clean:
	@rm -rf $(VENV) build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
