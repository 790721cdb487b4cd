# `make demo` and `make test` set everything up by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MUTANTS := .venv-mutants
ALTERNATIVES := .venv-alternatives
PATHWAY := .venv-pathway
STAMP := $(VENV)/.installed
PACKAGES := chromium chromium-driver curl mosquitto prometheus prometheus-alertmanager valgrind
CORE_TESTS := $(addprefix tests/,schemas formatting scoring standings ingest/decoders)
STACK_TESTS := tests/integration tests/clickhouse_over_http tests/operate/embedded_kafka
RANDOM_TESTS := tests/oracle tests/fuzz tests/health
LOCKS := requirements/uv.lock.txt requirements/lock.txt requirements/axe.lock.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.PHONY: help demo test quick check env packages lint types contracts unit test-core test-random test-stacks test-rest pure-core pure-readers pure-operate pure-random pure-rest fit chaos upgrade drill bench pathway limits fuzz mutants format dashboards metrics manifests lock kafka-lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: env ## time a simulated race of 11,000 and check the boards (KEEP=1 leaves it running)
	$(BIN)/matline demo $(if $(KEEP),--keep)

test: env packages lint types contracts ## run every check that a change has to pass
	@echo "Running the tests in four parts at once; each prints its report when it ends, a quarter of an hour or so in all"
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target test-core test-random test-stacks test-rest

check: test ## the same as test

quick: export MATLINE_PROPERTY_LOGS ?= 10
quick: export MATLINE_AGREEMENT_LOGS ?= 100
quick: export MATLINE_PODIUM_RACES ?= 8
quick: env ## run the checks that need no broker, no ClickHouse and no browser
	@$(MAKE) --no-print-directory --output-sync=target -j5 pure-readers pure-operate pure-random pure-core pure-rest lint types contracts

env: $(STAMP)

$(STAMP): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Matline needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV); the first time this downloads about 400 MB"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/axe.lock.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

packages: ## install the Debian packages that the tests need: a browser, curl, an MQTT broker, Prometheus, Alertmanager and Valgrind
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null && command -v curl >/dev/null && \
		command -v /usr/sbin/mosquitto >/dev/null && command -v promtool >/dev/null && command -v amtool >/dev/null && \
		command -v valgrind >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; } || \
		{ echo "The tests need Debian packages: apt-get install $(PACKAGES)"; exit 1; }

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: env
	$(BIN)/mypy

contracts: env
	$(BIN)/lint-imports

# The stacks mostly wait, so four parts share two cores well. Coverage is of the pure core alone, by its examples:
# Python 3.11 takes nearly twice as long to run under it, which thousands of random logs would not repay.
test-core: env
	$(BIN)/coverage run -m pytest $(CORE_TESTS)
	@echo "Coverage of the core in per cent: files below 85, and the total"
	@$(BIN)/coverage report | awk 'NR == 1 || /^TOTAL/ || /%$$/ && $$NF + 0 < 85'

test-random: env
	$(BIN)/python -m pytest $(RANDOM_TESTS)

test-stacks: env packages
	$(BIN)/python -m pytest $(STACK_TESTS)

test-rest: env packages
	$(BIN)/python -m pytest tests $(addprefix --ignore=,$(CORE_TESTS) $(RANDOM_TESTS) $(STACK_TESTS))

unit: env packages
	$(BIN)/python -m pytest $(PYTEST)

PURE := $(BIN)/python -m pytest -q -m "not integration" -p no:cacheprovider

pure-core: env
	$(PURE) $(CORE_TESTS) $(PYTEST)

pure-readers: env
	$(PURE) tests/ingest/readers $(PYTEST)

pure-operate: env
	$(PURE) tests/operate tests/loadtest tests/runtime $(PYTEST)

pure-random: env
	$(PURE) $(RANDOM_TESTS) $(PYTEST)

pure-rest: env
	$(PURE) tests $(addprefix --ignore=,$(CORE_TESTS) $(RANDOM_TESTS) tests/ingest/readers tests/operate tests/loadtest tests/runtime) $(PYTEST)

fit: env ## measure the estimates of finishes on real splits (SPLITS=file.csv.gz; WRITE=1 fits them first)
	$(BIN)/python -m tests.standings.pace_fit $(SPLITS) $(if $(WRITE),--write)

chaos: env ## kill, stop, starve, cut off and poison running stacks and check what is left, ten minutes (CHAOS="--seed 7 --seeds 1")
	$(BIN)/python -m loadtest.chaos $(CHAOS)

upgrade: env ## build an older release and replace its services by this one in the middle of a race, ten minutes (UPGRADE="REVISION --seconds 600")
	$(BIN)/python -m loadtest.upgrade $(UPGRADE)

drill: env packages ## plant troubles in a running stack and check which alerts a real Prometheus raises, half an hour
	$(BIN)/python -m loadtest.drill $(DRILL)

bench: env alternatives ## measure speed beside what others would use, twenty minutes on an otherwise idle machine (BENCH="boards --runs 3")
	$(BIN)/python -m loadtest.bench $(BENCH)

alternatives: $(ALTERNATIVES)/.installed

$(ALTERNATIVES)/.installed: $(STAMP) loadtest/alternatives/requirements.lock.txt
	$(PYTHON) -m venv --clear $(ALTERNATIVES)
	$(BIN)/uv pip install --quiet --python $(ALTERNATIVES)/bin/python --require-hashes -r loadtest/alternatives/requirements.lock.txt
	@touch $@

pathway: $(PATHWAY)/.installed ## install Pathway, 1.3 GB under the BSL, for `make bench` to compare scoring with it too

$(PATHWAY)/.installed: $(STAMP) loadtest/alternatives/pathway.lock.txt
	$(PYTHON) -m venv --clear $(PATHWAY)
	$(BIN)/uv pip install --quiet --python $(PATHWAY)/bin/python --require-hashes -r loadtest/alternatives/pathway.lock.txt
	@touch $@

limits: env ## put a running stack to its limits and judge its memory, 15 minutes and more (LIMITS="steady --minutes 60")
	$(BIN)/python -m loadtest.limits $(LIMITS)

fuzz: env ## feed a million damaged inputs to every decoder, about an hour (FUZZ="mylaps --seed 7 --from 120")
	$(BIN)/python -m tests.fuzz $(FUZZ)

format: env ## format the code and apply the fixes that ruff knows
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: env ## change the core in thousands of ways and list changes that no test notices (ONLY="services.scoring.core.assign_points*")
	@test -x $(MUTANTS)/bin/mutmut || { $(PYTHON) -m venv --clear $(MUTANTS) && \
		$(BIN)/uv pip install --quiet --python $(MUTANTS)/bin/python --require-hashes -r requirements/mutants.lock.txt; }
	PYTHONPATH=. $(MUTANTS)/bin/python -m mutmut run $(ONLY)
	@$(MUTANTS)/bin/python -m mutmut results | grep -v ": not checked$$" || echo "the tests noticed every change that was tried"

dashboards: env ## write the dashboards of Grafana from their code
	$(BIN)/python -m deploy.dashboards

metrics: env ## write docs/metrics.md from the code
	$(BIN)/python -m tests.docs.metrics_page

manifests: env ## write what Kubernetes gets from elsewhere: the alerts of Prometheus, and the topics and users of Kafka
	$(BIN)/python -m tests.deploy.kubernetes_rules
	$(BIN)/python -m tests.deploy.strimzi_objects

lock: env ## pin all dependencies to their newest versions
	$(COMPILE) --upgrade requirements/uv.in -o requirements/uv.lock.txt
	$(COMPILE) --upgrade --extra embedded --extra dev pyproject.toml -o requirements/lock.txt
	$(COMPILE) --upgrade requirements/mutants.in -o requirements/mutants.lock.txt
	$(COMPILE) --upgrade loadtest/alternatives/requirements.in -o loadtest/alternatives/requirements.lock.txt
	$(COMPILE) --upgrade loadtest/alternatives/pathway.in -o loadtest/alternatives/pathway.lock.txt

kafka-lock: env ## pin the jars of the embedded Kafka
	$(BIN)/python -m services.operate.embedded_kafka.lock

clean: ## delete the environments and caches
	rm -rf $(VENV) $(MUTANTS) $(ALTERNATIVES) $(PATHWAY) mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .import_linter_cache
