# `make demo` and `make test` do all set-up by themselves; nothing else has to be run first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MUTANTS := .venv-mutants
STAMP := $(VENV)/.installed
LOCKS := requirements/uv.lock.txt requirements/lock.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.PHONY: help demo test check env packages lint types contracts unit fuzz mutants format lock kafka-lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: env ## the main job: real reads in, boards out, checked (KEEP=1 leaves it running)
	$(BIN)/matline demo $(if $(KEEP),--keep)

test: env packages lint types contracts unit ## everything, as a change has to pass it

check: test ## the same by its usual name

env: $(STAMP)

$(STAMP): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Matline needs Python 3.11 or newer; name one by PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV): some 400 MB to download the first time"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

packages: ## the Debian packages that tests need: a real browser, and curl for the examples of README
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && command -v curl >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver curl >/dev/null; } || \
		{ echo "The tests need Debian's packages chromium, chromium-driver and curl: apt-get install chromium chromium-driver curl"; exit 1; }

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: env
	$(BIN)/mypy

contracts: env
	$(BIN)/lint-imports

unit: env packages
	$(BIN)/python -m pytest $(PYTEST)

fuzz: env ## a million damaged inputs into every decoder, an hour or so (FUZZ="mylaps --seed 7 --from 120")
	$(BIN)/python -m tests.fuzz $(FUZZ)

format: env ## the layout and the fixes that ruff makes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: env ## changes the core in thousands of ways and shows which change no test finds (ONLY="services.scoring.core.assign_points*")
	@test -x $(MUTANTS)/bin/mutmut || { $(PYTHON) -m venv --clear $(MUTANTS) && \
		$(BIN)/uv pip install --quiet --python $(MUTANTS)/bin/python --require-hashes -r requirements/mutants.lock.txt; }
	PYTHONPATH=. $(MUTANTS)/bin/python -m mutmut run $(ONLY)
	@$(MUTANTS)/bin/python -m mutmut results | grep -v ": not checked$$" || echo "every mutant that was tried was found"

lock: env ## pins every version again, the newest that fit
	$(COMPILE) --upgrade requirements/uv.in -o requirements/uv.lock.txt
	$(COMPILE) --upgrade --extra embedded --extra dev pyproject.toml -o requirements/lock.txt
	$(COMPILE) --upgrade requirements/mutants.in -o requirements/mutants.lock.txt

kafka-lock: env ## pins the embedded Kafka's jars again
	$(BIN)/python -m services.operate.embedded_kafka.lock

clean: ## takes away what was set up
	rm -rf $(VENV) $(MUTANTS) mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
