# The only way in. `make` or `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
SOURCES := services gateway clients protos/generate.py tests examples
DATA ?= .docmill
T ?= tests/contract tests/integration tests/property tests/unit

.DEFAULT_GOAL := help
.PHONY: help demo up setup gen gen-check protos-lint fmt lint types imports check test test-e2e test-easyocr test-k8s test-typescript bench bench-ocr ci clean constraints

##@ Try it
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## Start everything, send the sample invoice through gRPC, print its data, stop
	@$(BIN)/python examples/demo.py

up: $(RUN_STAMP) ## Run docmill on this machine until Ctrl-C; DATA=folder (default .docmill)
	@$(BIN)/docmill up --data "$(DATA)"

##@ Work on it
setup: $(DEV_STAMP) ## Make .venv with everything that development and tests need

gen: $(DEV_STAMP) ## Generate protos/gen from the protos
	@$(BIN)/python protos/generate.py

gen-check: $(DEV_STAMP) ## Fail if protos/gen is not what the protos say
	@$(BIN)/python protos/generate.py --check

protos-lint: $(DEV_STAMP) ## buf: lint, and no change that breaks clients of the committed baseline
	@$(BIN)/buf lint protos
	@$(BIN)/buf format protos --path protos/docmill --diff --exit-code
	@$(BIN)/buf breaking protos --against protos/baseline.binpb

fmt: $(DEV_STAMP) ## Format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)

lint: $(DEV_STAMP) ## ruff: style and formatting
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)

types: $(DEV_STAMP) ## mypy, strict
	@$(BIN)/mypy

imports: $(DEV_STAMP) ## import-linter: who may import what
	@$(BIN)/lint-imports --no-logo

check: gen-check protos-lint lint types imports ## Everything that reads the code without running it

test: $(DEV_STAMP) ## Run the tests, in ten minutes or so; T=path for some of them
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(T)

test-e2e: $(DEV_STAMP) ## The tests with docmill as users run it, its processes killed and its network cut
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests/chaos tests/e2e

test-easyocr: ## EasyOCR with its real weights on a page; installs PyTorch into an environment of its own
	@tests/easyocr.sh

test-llm: $(DEV_STAMP) ## The provider llm with a real server and a real small model; compiles llama.cpp into an environment of its own
	@tests/llm/test.sh

test-k8s: $(DEV_STAMP) ## The manifests: rendered, checked, their bus and roles run; fetches kubectl where none is installed
	@kubectl=$$(tests/k8s/kubectl.sh) && KUBECTL="$$kubectl" $(BIN)/python -m pytest -n 2 -m k8s tests/k8s

test-typescript: $(DEV_STAMP) ## The TypeScript client: compiled strictly, and its tests, also against docmill; needs Node 18 or newer
	@DOCMILL="$(CURDIR)/$(BIN)/docmill" clients/typescript/test.sh

bench: $(DEV_STAMP) ## Print the figures of docs/benchmarks.md, measured here and now
	@$(BIN)/python -m tests.bench

bench-ocr: $(DEV_STAMP) ## Accuracy and speed of OCR engines on real pages; ARGS="--help" tells what can be chosen
	@$(BIN)/python -m tests.bench.ocr $(ARGS)

ci: check demo test-easyocr test-k8s test-typescript test-e2e test ## What CI runs

clean: ## Remove the environment and caches; data stays
	@rm -rf $(VENV) .venv-llm .tools clients/typescript/node_modules clients/typescript/build clients/typescript/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

constraints: ## Pin what the environment holds now, for reproducible installs
	@$(BIN)/python -m pip --disable-pip-version-check freeze --exclude-editable --exclude docmill | grep -v '@' > constraints.txt

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "docmill needs Python 3.11 or newer, and there is no '$(PYTHON)'. Debian: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "docmill needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. Debian: apt install python3-venv"; exit 1; }
	@echo "making the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing docmill (a minute or two the first time)"
	@$(PIP) install -c constraints.txt -e '.[server,gateway,ocr]' || { echo "The installation failed: is a package index reachable, and is the disk full?"; exit 1; }
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing docmill with what development needs (two minutes or so the first time)"
	@$(PIP) install -c constraints.txt -e '.[server,gateway,ocr,dev]' || { echo "The installation failed: is a package index reachable, and is the disk full?"; exit 1; }
	@touch $(RUN_STAMP) $@
