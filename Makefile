# The same verbs at hand and in CI. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install demo docs test test-system image image-test fuzz check format bench lock clean

# The first Python that is new enough; choose another with `make PYTHON=python3.12 install`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
UV ?= uv
RUN := .venv/bin/python -m
TESTS := $(RUN) pytest -n 2
STAMP := .venv/.installed

help: ## Show this list.
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r verb text; do \
		printf '  make %-12s %s\n' "$$verb" "$$text"; done

install: $(STAMP) ## Make .venv with the locked dependencies and bridge itself.

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'bridge needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 install' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(RUN) pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: install ## Run the service beside a simulated partner and tell its story; under a minute.
	.venv/bin/bridge demo

docs: install ## Make a site of the documentation, in build/docs/site; a dead link or anchor fails.
	$(RUN) pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-docs.lock
	$(RUN) docs.site

test: install ## Run every test that pip alone can serve: the fast part, then the slow part.
	$(TESTS) tests --ignore tests/system -m "not slow"
	@if grep -rqs --include='*.py' 'mark\.slow' tests --exclude-dir system; then \
		$(TESTS) tests --ignore tests/system -m slow -n 3; \
	else echo 'test: there is no slow test yet'; fi

test-system: install ## Run the tests that need system tools; installs those tools.
	bash tests/system/install.sh
	$(RUN) pytest tests/system

screenshots: install ## Write a picture of each page of the console, narrow and wide, light and dark, to build/screenshots.
	bash tests/system/install.sh
	$(RUN) tests.system.console.screenshots

BUILDER ?= docker
VERSION = $(shell sed -nE 's/^__version__ = "(.+)"/\1/p' bridge/__init__.py)
image: ## Build the image, tagged with the version; another builder with BUILDER=podman.
	$(BUILDER) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) --tag bridge:$(VERSION) .

image-test: install ## Build the image and run it, as closed as a pod; a part of test-system.
	bash tests/system/install.sh
	$(RUN) pytest tests/system/test_image.py

FUZZ_RUNS ?= 2000
FUZZ_SEED ?= $(shell $(PYTHON) -c 'import random; print(random.randrange(10**6))')
fuzz: install ## Look for a bad day that breaks a promise; FUZZ_RUNS=2000 days, FUZZ_SEED=N plays the same again.
	@echo 'fuzz: $(FUZZ_RUNS) runs; again: make fuzz FUZZ_RUNS=$(FUZZ_RUNS) FUZZ_SEED=$(FUZZ_SEED)'
	FUZZ_RUNS=$(FUZZ_RUNS) $(TESTS) tests/fuzz --hypothesis-seed=$(FUZZ_SEED) || { \
		echo 'fuzz: the report ends with the shortest day that fails; a run with the same seed finds it again' >&2; exit 1; }

check: install ## Lint, formatting, types, architecture, documentation.
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy --strict bridge
	.venv/bin/lint-imports
	$(RUN) pytest tests/test_docs.py

format: install ## Format the code and mend what the linter can mend.
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: install ## Measure speed and size on both engines against bare references; writes bench/out/results.json.
	$(RUN) bench

LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' --quiet
LOCK := $(UV) pip compile pyproject.toml $(LOCK_OPTIONS)
lock: ## Write the lock files again (needs uv).
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv: make UV=/path/to/uv lock' >&2; exit 1; }
	$(LOCK) --output-file requirements.lock
	$(LOCK) --extra otel --constraint requirements.lock --output-file requirements-otel.lock
	$(LOCK) --extra otel --group dev --constraint requirements-otel.lock --output-file requirements-dev.lock
	$(LOCK) --extra otel --group dev --group system --constraint requirements-dev.lock --output-file requirements-system.lock
	$(UV) pip compile --group docs $(LOCK_OPTIONS) --constraint requirements-dev.lock --output-file requirements-docs.lock
	echo hatchling | $(UV) pip compile - $(LOCK_OPTIONS) --constraint requirements-dev.lock --output-file requirements-build.lock

clean: ## Remove what the other verbs made.
	rm -rf .venv .cache tests/system/bin tests/system/node_modules tests/system/ghost-site/node_modules .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench/out build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
