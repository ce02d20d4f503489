# narrowgate
#
#   make demo       set up, build, and run captions, knockouts and [EOI] patching over HTTP on the shipped models
#   make test       set up, build, and run the test suite and every command of README.md and docs
#   make test-http  raw HTTP/2 frames, right, wrong and hostile, against a server of this build
#   make test-pictures  pictures that lie and swell, against a server of this build
#   make test-proxies  requests made for smuggling, through nginx, HAProxy and h2o (apt-get install nginx-light haproxy h2o)
#   make test-schema  schemathesis against a live server: what it answers is what /openapi.json says (pip, .build/clients)
#   make test-faults  a disk that fails and one that is full, under a running server (apt-get install strace; root)
#   make test-long  the long forms: N kills, schemathesis with other seeds, faults by chance, pictures with limits, proxies
#   make test-config  the files under Config, by the programs that read them
#   make test-docs  the commands alone, of all pages or of PAGES="docs/python.md …"
#   make test-clients  the suite of the unmodified openai package against the server; installs it into .build/clients
#   make build      set up and build .build/release/narrowgate
#   make setup      install the system packages that are missing
#   make lint       formatting and import rules
#   make format     rewrite the sources as `make lint` wants them
#   make test-kill  kill and restart a server N times while jobs run (N=1000)
#   make fuzz       libFuzzer and AddressSanitizer on what reads bytes from outside (TARGET=all or a name, SECONDS=60 for each)
#   make sanitize   the test suite under AddressSanitizer and ThreadSanitizer (WHICH=all, address or thread; FILTER=suites)
#   make bench      speed of kernels, model and server on a checkpoint made on the spot (SHAPE=gate, 190m or 1b), in minutes
#   make bench-peers  the same beside PyTorch and nnsight, installed into .build/peers (or PEERS_PYTHON=… that has them)
#   make bench-7b   both on Chameleon-7B's shape, one after the other: 14 GB of disk, 24 GB of memory, nothing else running
#   make bench-scaling  sweeps against layers and variants
#   make bench-server  the server under load, beside Hummingbird and nghttpd (ROWS=livez_h1,…; apt-get install wrk nghttp2-client
#                      nghttp2-server slowhttptest)
#   make bench-estimates  what dry runs say against what happens, on gate (or ESTIMATES_ON="FOLDER …")
#   make bench-report  what these measured, into docs/performance.md
#   make clean      remove build products

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
SWIFT_FLAGS := -c release
FORMATTED := Sources Tests Benchmarks Migrations Package.swift
# Side by side, but not all at once: with all of them in one process Foundation's Process.run crashed, copying an entry of a
# list of open descriptors that was past 1,350.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 8
# Every thread that computes has an OpenMP team of its own; in a test process they are many, and would spin while they wait.
test-suite: export OMP_WAIT_POLICY ?= passive
N ?= 1000
ROUNDS ?= 0
# What test-schema and test-faults draw; the same in every run unless another is given.
SEED ?= 1
TARGET ?= all
SECONDS ?= 60
WHICH ?= all
FILTER ?= .
PAGES ?=
# --limits: test-pictures also bounds time and memory, which say something only where nothing else runs.
LIMITS ?=
SHAPE ?= 190m
PEERS := .build/peers
CLIENTS := .build/clients
HTTP_TOOLS := .build/http
PEERS_PYTHON ?= $(PEERS)/bin/python
CHECKPOINTS ?= .build/checkpoints
CHECKPOINT = $(if $(filter gate,$(SHAPE)),Models/gate,$(CHECKPOINTS)/$(SHAPE))
BENCH := Benchmarks/suite
ROWS ?=
# More options of Benchmarks/suite/run.py, such as --turns 1 or --rows prefill.
OPTIONS ?=

.PHONY: demo test test-suite test-http test-pictures test-proxies test-config test-schema test-faults test-long test-docs \
    test-clients build setup lint format test-kill fuzz sanitize bench bench-peers bench-7b bench-scaling bench-estimates \
    bench-server bench-report bench-products bench-python clean

setup:
	@Tools/setup/install.sh

build: setup
	@echo "build: swift build $(SWIFT_FLAGS) (the first one takes minutes: SQLite's Swift layer is compiled whole)"
	@swift build $(SWIFT_FLAGS) --product narrowgate

demo: build
	@Tools/demo/run.sh

# In this order, whatever -j says.
.NOTPARALLEL:
test: build lint test-suite test-http test-pictures test-clients test-schema test-config test-docs

test-suite: build
	@echo "test: swift test $(SWIFT_FLAGS)"
	@swift test $(SWIFT_FLAGS) --disable-testable-imports --disable-xctest 2>&1 | tee .build/test-suite.log || \
	    { echo "test: what failed, once more:"; grep -aE '✘|error:|Fatal' .build/test-suite.log; exit 1; }

$(HTTP_TOOLS)/installed: Tools/http/requirements.txt
	@python3 -m venv $(HTTP_TOOLS)
	@$(HTTP_TOOLS)/bin/pip install --quiet -r $<
	@touch $@

test-http: build $(HTTP_TOOLS)/installed
	@echo "test: HTTP/2, frame by frame"
	@$(HTTP_TOOLS)/bin/python Tools/http/http2_suite.py
	@echo "test: a crowd that asks after a job"
	@python3 Tools/http/crowd_suite.py

test-pictures: build
	@echo "test: hostile pictures"
	@Tools/pictures/hostile.py $(LIMITS)

test-proxies: build
	@Tools/http/proxies.py

test-docs: build
	@echo "test: every command in README and docs"
	@Tools/docs/check.sh $(PAGES)

test-clients: build
	@echo "test: the openai package's own calls"
	@[ -x $(CLIENTS)/bin/python ] || python3 -m venv $(CLIENTS)
	@cmp -s Tests/Clients/requirements.txt $(CLIENTS)/installed.txt || \
	    { $(CLIENTS)/bin/pip install --quiet -r Tests/Clients/requirements.txt; \
	      cp Tests/Clients/requirements.txt $(CLIENTS)/installed.txt; }
	@$(CLIENTS)/bin/python Tests/Clients/openai_client.py

# The short form; `make test-schema EXAMPLES=40 PHASES=examples,coverage,fuzzing,stateful SEED=2` is the long one.
test-schema: export EXAMPLES ?= 2
test-schema: export PHASES ?= examples,fuzzing
test-schema: build
	@echo "test: what /openapi.json says"
	@SEED=$(SEED) Tools/schema/check.sh

test-faults: build
	@echo "test: a disk that fails"
	@Tools/faults/faults.py --rounds $(ROUNDS) --seed $(SEED)

test-long: N := 200
test-long: ROUNDS := 20
test-long: LIMITS := --limits
test-long: export EXAMPLES := 40
test-long: export PHASES := examples,coverage,fuzzing,stateful
test-long: build test-kill test-faults test-pictures test-schema test-proxies fuzz
	@echo "test-long: done"

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

fuzz: setup
	@Tests/Fuzz/run.sh $(TARGET) $(SECONDS)

sanitize: setup
	@Tests/sanitize/run.sh $(WHICH) '$(FILTER)'

$(CHECKPOINTS)/%/config.json:
	@Benchmarks/make_checkpoint.py $* $(@D)

bench-products: setup
	@swift build $(SWIFT_FLAGS) --product benchmarks
	@swift build $(SWIFT_FLAGS) --product narrowgate

# An environment that is given is used as it is; ours is made, and brought to the pinned versions.
bench-python:
	@if [ "$(PEERS_PYTHON)" = "$(PEERS)/bin/python" ]; then \
	    [ -x $(PEERS)/bin/python ] || python3 -m venv $(PEERS); \
	    $(PEERS)/bin/pip install --quiet --disable-pip-version-check -r Benchmarks/requirements.txt; \
	fi
	@$(PEERS_PYTHON) -c 'import torch, transformers, nnsight, PIL'

bench: bench-products $(CHECKPOINT)/config.json
	@.build/release/benchmarks kernels
	@$(BENCH)/run.py $(SHAPE) $(CHECKPOINT) $(OPTIONS)

bench-peers: bench-products bench-python $(CHECKPOINT)/config.json
	@$(PEERS_PYTHON) $(BENCH)/run.py $(SHAPE) $(CHECKPOINT) --peers $(OPTIONS)

# A side's turns end after a minute; PyTorch's patched passes take as long whichever layer is patched, so two are run.
bench-7b: SHAPE := 7b
bench-7b: bench-products bench-python $(CHECKPOINTS)/7b/config.json
	@$(PEERS_PYTHON) $(BENCH)/run.py 7b $(CHECKPOINTS)/7b --peers --apart --turns 3 --seconds 60 --peer-layers 2 \
	    --without sweep_without_reuse,same_picture,same_picture_other_prompts,pictures $(OPTIONS)

bench-scaling: bench-products $(CHECKPOINTS)/190m/config.json
	@$(BENCH)/scaling.py $(CHECKPOINTS)/190m

bench-server: build $(CHECKPOINTS)/190m/config.json
	@Benchmarks/serving/run.py $(if $(ROWS),--rows $(ROWS)) $(OPTIONS)

bench-estimates: bench-products
	@$(BENCH)/estimates.py $(ESTIMATES_ON)

bench-report:
	@$(BENCH)/report.py

clean:
	@rm -rf .build .build-*
