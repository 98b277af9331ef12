# Everything a developer needs. Each target makes its own virtual environment; only Python ≥ 3.11 is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: up install test lint lock generate e2e bench-smoke clean

up: $(VENV)/.installed  ## the whole system on this machine; Ctrl-C ends it
	@$(BIN)/tidegate up

install: $(VENV)/.installed  ## the virtual environment with what `tidegate` needs

test: $(VENV)/.installed-dev  ## every test that needs no cluster, with the coverage gate
	$(BIN)/python -m pytest --cov --cov-report=
	$(BIN)/python -m tests.coverage_gate

lint: $(VENV)/.installed-dev  ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generate: $(VENV)/.installed-dev  ## what is written from the code: the README's tables
	$(BIN)/python -m tests.generate

e2e: $(VENV)/.installed-dev  ## slow proofs: bodies of a gigabyte, a slow reader, memory
	$(BIN)/python -m pytest -m slow --timeout 300

bench-smoke: $(VENV)/.installed-dev  ## micro-benchmarks: prints figures, asserts no timing
	$(BIN)/python -m pytest -m bench -s --timeout 300

$(VENV)/.installed: app/requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r app/requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: tests/requirements.txt $(VENV)/.installed
	$(PIP) install --require-hashes -r tests/requirements.txt
	@touch $@

UV := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock:  ## pins every dependency with hashes (needs uv)
	$(UV) --extra demo --extra build -o app/requirements.txt
	$(UV) --extra demo --extra build --extra operator --extra otel -o app/requirements-operator.txt
	$(UV) --extra dev --extra build -o tests/requirements.txt

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
