# Patchwarden. `make help` lists what can be done; everything it needs goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# the first Python 3.11 by any of its names; PYTHON=/path/to/python3.11 chooses another
PYTHON ?= $(shell for name in python3.11 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo $$name; break; }; done)

# settings of a production installation, to check the code against; nothing is connected to
PRODUCTION := env -u AWS_ENDPOINT_URL DEPLOYMENT=production DEMO=false DEBUG=false SECURE_COOKIES=true \
	SECRET_KEY=for-checks-only-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789 \
	ALLOWED_HOSTS=patchwarden.example.org BASE_URL=https://patchwarden.example.org \
	DATABASE_URL=postgres://patchwarden@127.0.0.1/patchwarden REDIS_URL=redis://127.0.0.1:6379/0

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format bench faults lock clean

help: ## List these commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Start the demo on http://127.0.0.1:8000 (DEMO_PORT=, DEMO_AWS_PORT=, RESET=1 for a fresh one)
	@exec $(BIN)/python -m portal.demo --exit-with-parent

test: $(READY) ## Run the default suite (with DATABASE_URL and REDIS_URL also on PostgreSQL and Redis)
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser"

check: lint test ## Run everything a change has to pass: lint, types, contracts, settings, OpenAPI, tests

lint: $(READY) ## Run the checks that need no test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	@$(PRODUCTION) DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@$(PRODUCTION) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

format: $(READY) ## Put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Run the benchmarks
	@$(BIN)/python -m pytest tests/bench -p no:randomly -s

# PostgreSQL and Redis of their own, since some faults kill them
faults: $(READY) ## Inject every fault in full, for hours, and write the figures into docs/reliability.md
	@FAULT_ROUNDS=long $(BIN)/python -m tests.faults.rig.services $(BIN)/python -m pytest tests/faults -p no:randomly -s
	@env -u DATABASE_URL -u REDIS_URL FAULT_ROUNDS=long $(BIN)/python -m pytest tests/faults -p no:randomly -s

lock: $(READY) ## Write requirements.txt and requirements-dev.txt anew from pyproject.toml (UPGRADE=1 takes new releases)
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 $(if $(UPGRADE),--upgrade) \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 $(if $(UPGRADE),--upgrade) \
		--extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove the environment, caches and all that the demo remembers
	rm -rf $(VENV) var staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs the lock in seconds; where it cannot be had or fails, pip does the same more slowly
$(READY): requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Patchwarden needs Python 3.11. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements-dev.txt names into $(VENV) ..."
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > $(VENV)/uv.txt
	@{ $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt \
		&& $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.txt; } \
		|| $(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
