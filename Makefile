# Staithe. `make run` needs Python 3.11 to 3.13 and make, nothing else; everything it fetches is pinned by hash.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DISTRIBUTIONS := $(sort $(wildcard libs/*/ services/*/ tools/*/))
EDITABLE := $(foreach d,$(patsubst %/pyproject.toml,%,$(wildcard $(addsuffix pyproject.toml,$(DISTRIBUTIONS)))),-e $(d))
MILVUS ?= lite
PYTEST := $(BIN)/python -m pytest

MODELS := services/sanitization/src/staithe/sanitization/detect/models
PEERS := $(HOME)/.cache/staithe/bench-sanitization
RUNS ?= 100000
FUZZ_LIBRARIES := $(HOME)/.cache/staithe/fuzz-sanitization
TLS_SCAN := $(HOME)/.cache/staithe/tls-scan
TRAIN_LIBRARIES := $(HOME)/.cache/staithe/train-names
TRAIN := PYTHONPATH=$(TRAIN_LIBRARIES):tools/train/names:tools/train/injection OPENBLAS_NUM_THREADS=1 $(BIN)/python

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help setup run up down test test-unit test-security sbom wheels fuzz fuzz-sanitization check format bench bench-query bench-audit bench-sanitization chaos soak train-names lock clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make the virtual environment from the hashed locks

$(STAMP): requirements/dev.txt $(wildcard */*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Staithe needs Python 3.11, 3.12 or 3.13: set PYTHON=/path/to/one")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "· installing locked packages (the first time takes about two minutes)"
	@$(BIN)/pip install --quiet --no-deps --require-hashes --no-compile -r requirements/dev.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-compile $(EDITABLE)
	@touch $@

run: $(STAMP) ## Start everything, publish the samples, show one cited answer (ONCE=1: then stop; MILVUS=server: real Milvus)
	@$(BIN)/staithe run --milvus $(MILVUS) $(if $(ONCE),--once)

up: $(STAMP) ## Start the local stack and watch over it
	@$(BIN)/staithe up --milvus $(MILVUS)

down: $(STAMP) ## Stop the local stack
	@$(BIN)/staithe down

check: $(STAMP) ## Format, lint, types, import rules, locks, rendered files, samples
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(foreach p,kernel vectors keys client ingestion sanitization embedding indexing audit query stack cli render,-p staithe.$(p))
	@$(BIN)/lint-imports --no-logo --config .importlinter > /tmp/staithe-imports.$$$$ || { cat /tmp/staithe-imports.$$$$; exit 1; }; rm -f /tmp/staithe-imports.$$$$
	@$(BIN)/python tools/dev/lock.py --check
	@$(BIN)/python tools/dev/sbom.py --check
	@$(BIN)/python tools/dev/secret_scan.py
	@$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml libs services tools
	@$(BIN)/python -m staithe.render check
	@$(BIN)/python samples/build.py --check
	@$(BIN)/python samples/check.py > /dev/null
	@$(PYTEST) -q tests/architecture tests/contract/test_rendered_files.py
	@echo "✓ check"

test-unit: $(STAMP) ## Unit tests only
	@$(PYTEST) -q libs services tools samples

test: $(STAMP) ## Everything: unit, architecture, contract, integration, security and end-to-end tests on real processes
	@$(PYTEST) -q libs services tools samples tests

test-security: $(STAMP) $(TLS_SCAN)/.installed ## The tests that docs/threat-model.md names, on real parts
	@$(BIN)/python tests/security/threats.py | STAITHE_TEST_SSLYZE=$(TLS_SCAN)/bin/python xargs $(PYTEST) -q

$(TLS_SCAN)/.installed: requirements/tls-scan.txt
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --no-deps --require-hashes -r requirements/tls-scan.txt
	@touch $@

sbom: $(STAMP) ## What each image is made of, as CycloneDX in dist/sbom, and under which licences
	@$(BIN)/python tools/dev/sbom.py

wheels: $(STAMP) ## A wheel of each distribution in dist/wheels, built twice; fails when the two differ
	@$(BIN)/python tools/dev/wheels.py

fuzz: $(STAMP) ## Send 600 generated requests to each operation of the query API; minutes
	@STAITHE_FUZZ_EXAMPLES=600 $(PYTEST) -q services/query/tests/test_edge.py -k description

fuzz-sanitization: $(FUZZ_LIBRARIES)/.installed ## Fuzz the parsers and the sanitization engine with RUNS inputs each (100,000: minutes); Linux
	@for target in parsers engine; do mkdir -p .fuzz/$$target; PYTHONPATH=$(FUZZ_LIBRARIES) $(BIN)/python tests/fuzz/fuzz_$$target.py \
	  -runs=$(RUNS) -max_len=512 -timeout=30 -rss_limit_mb=3000 -artifact_prefix=.fuzz/ .fuzz/$$target tests/fuzz/seeds/$$target; done

$(FUZZ_LIBRARIES)/.installed: requirements/fuzz-sanitization.txt $(STAMP)
	@$(BIN)/pip install --quiet --no-deps --require-hashes --no-compile --upgrade --target $(@D) -r requirements/fuzz-sanitization.txt
	@touch $@

bench: $(STAMP) ## Retrieval quality and throughput on the real stack; writes docs/benchmarks.md
	@$(BIN)/python tests/benchmarks/run.py

bench-query: $(STAMP) ## The query service beside a bare search, hybrid retrieval, cold start (FOLDER=labelled folder); writes docs/benchmarks-query.md
	@$(BIN)/python tests/benchmarks/bench_query.py $(if $(FOLDER),--folder $(FOLDER))

chaos: $(STAMP) ## Hurt a stack of its own in every way we know and count what is lost; writes docs/reliability.md (about 90 minutes)
	@$(BIN)/python tests/chaos/run.py --seed $(or $(SEED),1)

soak: $(STAMP) ## A stack under steady load for MINUTES (60), its memory weighed; writes docs/soak.md
	@$(BIN)/python tests/chaos/soak.py --minutes $(or $(MINUTES),60)

bench-audit: $(STAMP) ## The audit log beside pymerkle: append, verify, receipts; writes docs/benchmarks-audit.md
	@$(BIN)/python tests/benchmarks/bench_audit.py

bench-sanitization: $(PEERS)/.installed ## How well and how fast detection finds, beside its peers (DATA=presidio_synth_v2.json); writes docs/sanitization.md
	@$(BIN)/python tests/benchmarks/sanitization/run.py --peers $(PEERS) $(if $(DATA),--data $(DATA))

$(PEERS)/.installed: requirements/bench-sanitization.txt $(STAMP)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --no-deps --require-hashes -r requirements/bench-sanitization.txt
	@touch $@

format: $(STAMP) ## Format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

lock: $(STAMP) ## Resolve dependencies anew into requirements/ (needs uv)
	@$(BIN)/python tools/dev/lock.py

train-names: $(TRAIN_LIBRARIES)/.installed ## Train the model of names anew (minutes); its digest belongs in models/__init__.py
	@$(TRAIN) tools/train/names/train.py $(MODELS)/names.npz

train-injection: $(TRAIN_LIBRARIES)/.installed ## Train the model of prompt injections anew (a minute)
	@$(TRAIN) tools/train/injection/train.py $(MODELS)/injection.npz $(MODELS)/names.npz

$(TRAIN_LIBRARIES)/.installed: requirements/train-names.txt $(STAMP)
	@$(BIN)/pip install --quiet --no-deps --require-hashes --no-compile --upgrade --target $(@D) -r requirements/train-names.txt
	@touch $@

clean: ## Remove the local stack's state and the virtual environment (caches outside the tree stay)
	@test ! -x $(BIN)/staithe || $(BIN)/staithe down 2> /dev/null || true
	@rm -rf .staithe .fuzz $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
