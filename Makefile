# `make demo` and `make test` do all set-up by themselves; nothing else has to be run first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCKS := requirements/uv.lock.txt requirements/lock.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.PHONY: demo test check format lint types contracts lock clean env

demo: env ## the main job: real reads in, boards out
	$(BIN)/matline demo $(if $(KEEP),--keep)

env: $(STAMP)

$(STAMP): $(LOCKS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Matline needs Python 3.11 or newer; name one by PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/uv.lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

test: env packages lint types contracts ## everything, as a change has to pass it
	$(BIN)/python -m pytest $(PYTEST)

packages: ## the Debian packages that tests need: a real browser
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; } || \
		{ echo "The tests need Debian's packages chromium and chromium-driver: apt-get install chromium chromium-driver"; exit 1; }

.PHONY: packages

check: test ## the same by its usual name

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: env
	$(BIN)/mypy

contracts: env
	$(BIN)/lint-imports

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: env ## pins every version again, newest that fit
	$(COMPILE) --upgrade requirements/uv.in -o requirements/uv.lock.txt
	$(COMPILE) --upgrade --extra embedded --extra dev pyproject.toml -o requirements/lock.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
