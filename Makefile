# narrowgate
#
#   make demo       set up, build, and run captions, knockouts and [EOI] patching over HTTP on the shipped models
#   make test       set up, build, and run the test suite and every command of README.md and docs
#   make test-schema  schemathesis against a live server: what it answers is what /openapi.json says (pip, .build/clients)
#   make test-config  the files under Config, by the programs that read them
#   make test-docs  the commands alone, of all pages or of PAGES="docs/python.md …"
#   make build      set up and build .build/release/narrowgate
#   make setup      install the system packages that are missing
#   make lint       formatting and import rules
#   make format     rewrite the sources as `make lint` wants them
#   make test-kill  kill and restart a server N times while jobs run (N=1000)
#   make bench      speed of kernels, prefill, decode and picture encoding, on a checkpoint made on the spot (SHAPE=190m)
#   make bench-peers  the same beside PyTorch: installs torch and transformers into .build/peers
#   make clean      remove build products

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
SWIFT_FLAGS := -c release
FORMATTED := Sources Tests Benchmarks Migrations Package.swift
# Side by side, but not all at once: with all of them in one process Foundation's Process.run crashed, copying an entry of a
# list of open descriptors that was past 1,350.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 8
N ?= 1000
PAGES ?=
SHAPE ?= 190m
PEERS := .build/peers
CHECKPOINT := .build/checkpoints/$(SHAPE)

.PHONY: demo test test-suite test-config test-schema test-docs build setup lint format test-kill bench bench-peers clean

setup:
	@Tools/setup/install.sh

build: setup
	@echo "build: swift build $(SWIFT_FLAGS) (the first one takes minutes: SQLite's Swift layer is compiled whole)"
	@swift build $(SWIFT_FLAGS) --product narrowgate

demo: build
	@Tools/demo/run.sh

# In this order, whatever -j says.
.NOTPARALLEL:
test: build lint test-suite test-config test-docs

test-suite: build
	@echo "test: swift test $(SWIFT_FLAGS)"
	@swift test $(SWIFT_FLAGS) --disable-testable-imports --disable-xctest

test-docs: build
	@echo "test: every command in README and docs"
	@Tools/docs/check.sh $(PAGES)

test-schema: build
	@Tools/schema/check.sh

test-config:
	@Tools/config/check.sh

lint:
	@echo "lint: swift format, import rules, names in docs/architecture.md"
	@swift format lint --strict --recursive --parallel $(FORMATTED)
	@Tools/lint/imports.py
	@Tools/lint/names.py

format:
	@swift format --in-place --recursive --parallel $(FORMATTED)

test-kill: build
	@KILL_CYCLES=$(N) swift test $(SWIFT_FLAGS) --disable-testable-imports --disable-xctest --filter KilledServerTests

$(CHECKPOINT)/config.json:
	@Benchmarks/make_checkpoint.py $(SHAPE) $(CHECKPOINT)

bench: setup $(CHECKPOINT)/config.json
	@swift build $(SWIFT_FLAGS) --product benchmarks
	@.build/release/benchmarks kernels
	@.build/release/benchmarks measure $(CHECKPOINT)
	@swift build $(SWIFT_FLAGS) --product narrowgate
	@Benchmarks/sweeps.py .build/release/narrowgate $(CHECKPOINT)

bench-peers: setup $(CHECKPOINT)/config.json
	@swift build $(SWIFT_FLAGS) --product benchmarks
	@[ -x $(PEERS)/bin/python ] || python3 -m venv $(PEERS)
	@$(PEERS)/bin/python -c 'import torch, transformers' 2>/dev/null || $(PEERS)/bin/pip install --quiet -r Benchmarks/requirements.txt
	@$(PEERS)/bin/python Benchmarks/peers.py $(CHECKPOINT)

clean:
	@rm -rf .build .build-*
