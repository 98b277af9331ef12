# Everything a developer needs. Each target makes its own virtual environment; only Python ≥ 3.11 is needed.
PYTHON ?= $(shell app/interpreter.sh)
VENV := .venv
COMPILED := .venv-compiled
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
FRONTEND := app/admin/frontend
MONITOR := app/admin/static/index.html.gz
FRONTEND_DEV := $(FRONTEND)/node_modules/axe-core/axe.min.js
WITH_NODE := $(FRONTEND)/with-node.sh $(VENV)
# What the first run does, a line each: minutes of silence look like a fault.
SAY = @printf '%s\n'
PINS = $$(grep -c == $<) pinned packages

PYTEST := $(BIN)/python -m pytest
# Tests wait more than they compute, so four processes share two cores well; a file's tests stay together.
JOBS ?= 4
SHARED := -n $(JOBS) --dist loadfile

.PHONY: up install install-kube compiled monitor test test-compiled test-workers lint lint-files lock audit generate fresh e2e e2e-cluster conformance e2e-compose bench bench-install bench-routes bench-smoke clean

up: $(VENV)/.installed $(MONITOR)  ## the whole system on this machine; Ctrl-C ends it
	@$(BIN)/tidegate up

install: $(VENV)/.installed $(MONITOR)  ## the virtual environment with what `tidegate` needs, and the page

install-kube: $(VENV)/.installed-kube  ## what `explain`, `status --kube` and `operator` need besides, into the same environment

compiled: $(COMPILED)/.installed $(MONITOR)  ## the same program as native code, faster: .venv-compiled/bin/tidegate (needs a C compiler)
	@$(COMPILED)/bin/tidegate version

monitor: $(MONITOR)  ## the live page, bundled into app/admin/static with the machine's Node ≥ 18 or a packaged one

test: $(VENV)/.installed-dev $(MONITOR)  ## every test that needs no cluster, with the coverage gate
	$(WITH_NODE) node test.mjs
	$(PYTEST) $(SHARED) --cov --cov-report=
	$(BIN)/python -m tests.coverage_gate

# From a tree without the sources, so that nothing but the installed wheel can be imported.
TREE := $(COMPILED)/tree
COMPILED_TESTS := tests/app/foundation tests/app/breaker tests/app/dataplane tests/app/keys tests/app/limits tests/app/routing \
	tests/app/telemetry tests/app/test_settings.py tests/contracts tests/scenarios
test-compiled: $(COMPILED)/.installed-dev  ## the tests of the compiled modules and the scenarios, on the compiled build
	rm -rf $(TREE) && mkdir $(TREE)
	cp -R tests tools docs grafana charts pyproject.toml README.md $(TREE)
	cd $(TREE) && ln -s ../lib/python3*/site-packages/app ../lib/python3*/site-packages/cache .
	cd $(TREE) && TIDEGATE_BUILD=compiled ../bin/python -m pytest $(SHARED) $(COMPILED_TESTS)

# What looks inside the process says so (`one_process`) and is skipped with workers. Of the suites are left out:
# - workers, workers_sharing, worker_listeners: set WORKERS themselves, and are in `make test`;
# - cache_*, operator_*, status_kube: no gateway is in them;
# - upstream_connections: its one test sees the state of a pool;
# - large_bodies: in `make e2e` with what is slow;
# - requests_malformed, answers_malformed: a gateway for each of 254 messages, whose reading ends within one connection,
#   would take a minute and a half of the eight that the rest may take; they pass.
WITHOUT_WORKERS := workers workers_sharing worker_listeners cache_% operator_% status_kube upstream_connections \
	large_bodies requests_malformed answers_malformed
WORKER_TESTS := $(filter-out $(WITHOUT_WORKERS:%=tests/scenarios/test_%.py),$(wildcard tests/scenarios/test_*.py))
test-workers: $(VENV)/.installed-dev $(MONITOR)  ## scenarios again, with two workers in each gateway
	TIDEGATE_TEST_WORKERS=2 $(PYTEST) $(SHARED) $(WORKER_TESTS)

lint: $(VENV)/.installed-dev $(FRONTEND_DEV)  ## ruff, mypy strict, import-linter, tsc strict, and lint-files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(WITH_NODE) node node_modules/typescript/bin/tsc --noEmit
	@$(MAKE) --no-print-directory lint-files

SCRIPTS := .ci/run $(wildcard app/*.sh tools/*.sh tests/*.sh tests/*/*.sh charts/*.sh $(FRONTEND)/*.sh)
lint-files: $(VENV)/.installed-dev  ## workflows, compose and shell scripts by the checkers of their kind
	$(BIN)/yamllint --strict .
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml compose.tls.yaml
	@if command -v shellcheck >/dev/null; then shellcheck $(SCRIPTS); \
	else echo "shell scripts NOT checked: no shellcheck here (apt-get install shellcheck)"; fi

generate: $(VENV)/.installed-dev  ## what is written from the code: tables, custom resource, dashboards, chart, k8s/
	$(BIN)/python -m tools

fresh: $(VENV)/.installed-dev  ## fails where `make generate` changes a file
	tools/fresh.sh

e2e: $(VENV)/.installed-dev $(MONITOR) $(FRONTEND_DEV)  ## slow proofs: bodies of a gigabyte, a slow reader, memory; with E2E_CLUSTER also the cluster's
	$(PYTEST) -m slow --timeout 300
	@if [ -n "$$E2E_CLUSTER" ]; then $(MAKE) --no-print-directory e2e-cluster; fi

e2e-cluster: $(VENV)/.installed-dev  ## the chart on the cluster of KUBECONFIG, its images loaded by tests/e2e/images.sh
	$(PYTEST) tests/e2e -m cluster -p no:randomly -s --timeout 300

conformance: $(VENV)/.installed-dev  ## the Gateway API on the same cluster: its official suite (tests/e2e/conformance.sh says what it needs), then our tests (E2E_FLIPS=200: so many flips of a Gateway)
	tests/e2e/conformance.sh
	$(PYTEST) tests/e2e -m gateway_api -p no:randomly -s --timeout 300

e2e-compose: $(VENV)/.installed-dev $(MONITOR)  ## compose.yaml on the Docker engine of this machine (none: tests/compose/engine.sh make e2e-compose)
	$(PYTEST) tests/compose -m compose --timeout 300

audit: $(VENV)/.installed-dev  ## known vulnerabilities of every locked version; AUDIT=--allow-unreachable where no advisories can be had
	$(BIN)/python -m tests.audit $(AUDIT)

bench: $(VENV)/.installed  ## beside Envoy, Traefik, Caddy, nginx, haproxy: BENCH="--quick --only a --contestants tidegate,envoy"
	$(BIN)/python -m tests.bench.comparison $(BENCH)

bench-install: $(VENV)/.installed  ## the peers and load generators of `make bench`, pinned
	$(BIN)/python -m tests.bench.comparison --install

bench-routes: $(VENV)/.installed-dev  ## 3,000 routes of a cluster: look-up, edit to response, failures, memory: ROUTES="--routes 300 --flips 20", or "--cluster" for the one of KUBECONFIG
	$(BIN)/python -m tests.bench.routes_of_a_cluster $(ROUTES)

bench-smoke: $(VENV)/.installed-dev  ## micro-benchmarks: prints figures, asserts no timing
	$(BIN)/python -m pytest -m bench -s --timeout 300

$(VENV)/.installed: app/requirements.txt pyproject.toml
	@test -x $(BIN)/python || { python=$(PYTHON) && echo "making $(VENV) with $$python …" && "$$python" -m venv $(VENV); }
	$(SAY) "installing $(PINS) into $(VENV) …"
	@$(PIP) install --require-hashes -r app/requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-kube: app/requirements-operator.txt $(VENV)/.installed
	$(SAY) "installing what talks to Kubernetes: $(PINS) into $(VENV) …"
	@$(PIP) install --require-hashes -r app/requirements-operator.txt
	@touch $@

$(VENV)/.installed-dev: tests/requirements.txt $(VENV)/.installed
	$(SAY) "installing what tests and checks need: $(PINS) into $(VENV) …"
	@$(PIP) install --require-hashes -r tests/requirements.txt
	@touch $@

# The locked environment first; the wheel anew whenever a source of it changes.
$(COMPILED)/.environment: app/requirements-compiled.txt app/interpreter.sh
	@test -x $(COMPILED)/bin/python || $${PYTHON:-$$(app/interpreter.sh headers)} -m venv $(COMPILED)
	$(SAY) "installing $(PINS) into $(COMPILED) …"
	@$(COMPILED)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r app/requirements-compiled.txt
	@touch $@

$(COMPILED)/.installed: $(COMPILED)/.environment pyproject.toml app/wheel.sh $(shell find app cache -name '*.py' -o -name '*.lua') $(MONITOR)
	rm -rf $(COMPILED)/wheel
	app/wheel.sh $(COMPILED)/bin/python $(COMPILED)/wheel
	$(COMPILED)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-index --force-reinstall $(COMPILED)/wheel/*.whl
	@touch $@

$(COMPILED)/.installed-dev: tests/requirements.txt $(COMPILED)/.installed
	$(COMPILED)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r tests/requirements.txt
	@touch $@

# What the page is made of, without what only checks it.
$(FRONTEND)/node_modules/.package-lock.json: $(FRONTEND)/package-lock.json app/requirements-node.txt | $(VENV)/.installed
	$(SAY) "installing what bundles the page of the monitor …"
	@$(WITH_NODE) npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Types and accessibility checks; made after the page, and newer than its modules, so that the page stays as it is.
$(FRONTEND_DEV): $(FRONTEND)/package-lock.json | $(MONITOR)
	$(WITH_NODE) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $(FRONTEND)/node_modules/.package-lock.json
	@touch $(MONITOR) $@

$(MONITOR): $(FRONTEND)/node_modules/.package-lock.json $(FRONTEND)/build.mjs $(shell find $(FRONTEND)/src -type f)
	$(SAY) "bundling the page of the monitor …"
	@$(WITH_NODE) node build.mjs

# Extras stay written: pip takes another release than the pinned one where a package asks for `name[extra]` and the lock has only `name`.
UV_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras --no-annotate --no-header
UV := uv pip compile pyproject.toml $(UV_OPTIONS)
lock:  ## pins every dependency with hashes (needs uv)
	$(UV) --extra demo --extra build -o app/requirements.txt
	$(UV) --extra demo --extra build --extra operator --extra otel -o app/requirements-operator.txt
	$(UV) --extra demo --extra build --extra compiled -o app/requirements-compiled.txt
	$(UV) --extra dev --extra build --extra compiled -o tests/requirements.txt
	uv pip compile $(UV_OPTIONS) --group cache --constraints app/requirements-operator.txt -o cache/requirements.txt
	uv pip compile $(UV_OPTIONS) --group node -o app/requirements-node.txt

clean:
	rm -rf $(VENV) $(COMPILED) .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis app/admin/static $(FRONTEND)/node_modules
