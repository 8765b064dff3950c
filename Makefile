# The commands of this project. `make` lists them.
#
# `make run` needs Rust with a C compiler, Python 3 with pip, and make. The tools below are installed into .local/tools, each into
# a folder of its own, and nowhere else.

CARGO_LAMBDA_VERSION := 1.9.2
ZIGLANG_VERSION      := 0.17.1
SAM_VERSION          := 1.170.0
CFN_LINT_VERSION     := 1.58.0
SCHEMATHESIS_VERSION := 4.32.5
PLAYWRIGHT_VERSION   := 1.65.2
AXE_VERSION          := 0.1.8

TOOLS := .local/tools
# A tool's folder is complete when it holds this file. The version is in its name, so that another one is installed anew.
cargo-lambda := $(TOOLS)/cargo-lambda/complete-$(CARGO_LAMBDA_VERSION)
ziglang      := $(TOOLS)/ziglang/complete-$(ZIGLANG_VERSION)
sam          := $(TOOLS)/sam/complete-$(SAM_VERSION)-$(CFN_LINT_VERSION)
schemathesis := $(TOOLS)/schemathesis/complete-$(SCHEMATHESIS_VERSION)
playwright   := $(TOOLS)/playwright/complete-$(PLAYWRIGHT_VERSION)-$(AXE_VERSION)

export CARGO_LAMBDA := $(CURDIR)/$(TOOLS)/cargo-lambda/bin/cargo-lambda

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-26s%s\n' "$$name" "$$text"; done

# --- The service on this machine --------------------------------------------------------------------------------------
# Settings: PORT=9000 DYNAMODB_PORT=8000 INBOX_PORT=9100 STATE_DIR=.local CONCURRENCY=1 RELOAD=yes RECONCILE_SECONDS=60
# FAULTS=0 (of a hundred requests of the functions to DynamoDB, those that meet a fault), and every variable of the functions,
# for example `make run RESEND_COOLDOWN_SECONDS=2`.

.PHONY: run
run: prerequisites $(cargo-lambda) ## Serve the API on http://127.0.0.1:9000 and its mails on :9100, with data that stays; Ctrl-C stops it
	@echo "Building the local engine. The first time takes a few minutes."
# Built for the whole workspace, as the tests are, so that they share what is compiled. Started directly, not by `cargo run`,
# which sets variables that make crates compile anew.
	@cargo build --workspace --example run
	@exec "$$($(target-dir))/debug/examples/run"

target-dir = cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'

# --- Tests ------------------------------------------------------------------------------------------------------------

.PHONY: test
test: valgrind chromium test-rust test-end-to-end test-load test-browser test-contract test-template test-speed ## Everything that proves the project

.PHONY: test-rust
test-rust: prerequisites ## Unit and API tests
	@echo "== Unit and API tests"
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --no-fail-fast; else cargo test --workspace --all-targets --no-fail-fast; fi
	@cargo test --workspace --doc

.PHONY: test-dynamodb-local
test-dynamodb-local: prerequisites ## The API tests against AWS's DynamoDB Local (needs Java 17 and npm)
	@python3 tests/dynamodb_local.py

.PHONY: test-end-to-end
test-end-to-end: prerequisites $(cargo-lambda) ## `make run` with real HTTP, restart included
	@echo "== End to end"
	@python3 tests/end_to_end.py

.PHONY: test-load
test-load: prerequisites $(cargo-lambda) ## Load and recovery, in short: faults, functions killed, all of it killed
	@echo "== Load and recovery"
	@python3 tests/load_checks_test.py
	@python3 tests/load.py --seconds 20

.PHONY: test-browser
test-browser: prerequisites chromium $(cargo-lambda) $(playwright) ## The invitee's page in a real Chromium
	@echo "== Browser"
	@PYTHONPATH="$(CURDIR)/$(TOOLS)/playwright" python3 tests/browser.py $(BROWSER)

.PHONY: test-contract
test-contract: prerequisites $(cargo-lambda) $(schemathesis) ## schemathesis against the running service
	@echo "== Contract"
	@SCHEMATHESIS="$(CURDIR)/$(TOOLS)/schemathesis" python3 tests/service.py SEND_QUOTA=100000 -- python3 tests/contract.py

.PHONY: test-template
test-template: prerequisites $(cargo-lambda) $(ziglang) $(sam) ## `sam validate --lint` and `sam build`
	@echo "== Template"
	@$(with-sam) python3 -m samcli validate --lint
# SAM builds one function after the other. Built here first, side by side, they take half the time, and SAM finds them done.
	@$(build-functions)
	@$(with-sam) python3 -m samcli build --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: test-speed
test-speed: prerequisites $(cargo-lambda) $(ziglang) valgrind ## The gates on what can be counted: instructions, memory, size, requests, capacity
	@echo "== Speed"
	@$(build-functions)
	@$(MAKE) --no-print-directory --directory bench/peers build-hello $(peers)
	@cargo build --workspace --example functions
	@target="$$($(target-dir))" && "$$target/debug/examples/functions" --quick --functions "$$target/lambda"

# As they are deployed.
build-functions = $(with-sam) cargo lambda build --release $(if $(filter arm64,$(ARCHITECTURE)),--arm64)
# This machine's, so that nothing is cross-compiled.
ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
# SAM calls cargo-lambda by its name, and that calls zig by `python3 -m ziglang`.
with-sam = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 PATH="$(CURDIR)/$(TOOLS)/cargo-lambda/bin:$$PATH" \
	PYTHONPATH="$(CURDIR)/$(TOOLS)/sam:$(CURDIR)/$(TOOLS)/ziglang"

# At length what test-load and the tests of verification/ try in short. VERIFY="--seed 2" makes other choices. The load comes first: it is the
# part whose figures another load would change.
.PHONY: verify
verify: load ## The promises under concurrency, faults and hostile input, tried at length: writes docs/verification.md
	@cargo build --profile bench-tools -p verification --example verify
	@"$$($(target-dir))/bench-tools/examples/verify" --add .local/load.json --out docs $(VERIFY)

.PHONY: load
load: prerequisites $(cargo-lambda) ## Load and recovery at length: three minutes, and as many more until the last mail is out
	@mkdir -p .local
	@python3 tests/load.py --seconds 180 --out .local/load.json $(LOAD)

# --- Speed ------------------------------------------------------------------------------------------------------------
# `make bench RESULTS=docs/bench` records the results that the README shows. Best on a machine that does nothing else.

RESULTS ?= .local/bench

.PHONY: bench
bench: prerequisites $(cargo-lambda) $(ziglang) instrument ## What the functions cost, beside what a user would pick instead; fails when a gate is broken (needs Node 20 and npm)
	@mkdir -p $(RESULTS)
	@$(build-functions)
	@$(MAKE) --no-print-directory --directory bench/peers build $(peers)
	@cargo build --profile bench-tools --package bench --example functions
	@target="$$($(target-dir))" && "$$target/bench-tools/examples/functions" --functions "$$target/lambda" \
		--json $(RESULTS)/functions.json --chart $(RESULTS)/functions.svg $(BENCH)

.PHONY: bench-scale
bench-scale: prerequisites $(cargo-lambda) $(ziglang) ## Latency and capacity from a thousand to a million invitations in one account
	@mkdir -p $(RESULTS)
	@$(build-functions)
	@cargo build --profile bench-tools --package bench --example scale
	@target="$$($(target-dir))" && "$$target/bench-tools/examples/scale" --functions "$$target/lambda" --out $(RESULTS) $(in-memory) $(BENCH)

# A disk's fsync is nothing that DynamoDB has. The tables take 9 GB.
in-memory = $$([ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 10000000 ] 2>/dev/null && echo --scratch /dev/shm)

peers = OUT="$(CURDIR)/.local/bench/peers" CARGO_TARGET_DIR="$$($(target-dir))/peers"

# Counts the same on every processor. Asked for first, and not after everything else has passed.
.PHONY: valgrind
valgrind:
	@command -v valgrind >/dev/null || { echo "make: instructions are counted by valgrind; install it, on Debian as valgrind."; exit 1; }

# The system's, because a browser needs many of the system's libraries. CHROMIUM names one that is elsewhere.
.PHONY: chromium
chromium:
	@for name in $${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do \
		command -v "$$name" >/dev/null && exit 0; \
	done; echo "make: the page is tested in Chromium; install it, on Debian as chromium, or say in CHROMIUM where it is."; exit 1

.PHONY: instrument
instrument:
	@perf stat -e instructions:u true 2>&1 | grep -q 'instructions:u  *#\|[0-9] *instructions:u' || command -v valgrind >/dev/null \
		|| { echo "make: instructions are counted by perf, which cannot count on this machine, or by valgrind; install it."; exit 1; }

.PHONY: lint
lint: prerequisites ## Formatting, clippy and documentation, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# --- Tools ------------------------------------------------------------------------------------------------------------

.PHONY: tools
tools: $(cargo-lambda) $(ziglang) $(sam) $(schemathesis) $(playwright) ## Install the tools of all commands into .local/tools

# $(call install,packages): into the folder of the target. A half-installed one has no marker and is done again.
# --target works where pip refuses to install for the whole system.
define install
	@echo "Installing $(notdir $(@D)) into $(@D)"
	@rm -rf "$(@D)" && mkdir -p "$(@D)"
	@PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-user --no-warn-conflicts \
		--target "$(@D)" $(1) || { echo "make: $(notdir $(@D)) could not be installed; pip's message is above."; exit 1; }
	@touch "$@"
endef

# Without zig, which cross-compiles: only `sam build` needs that, and it is ten times as large.
$(cargo-lambda): | prerequisites
	$(call install,--no-deps cargo-lambda==$(CARGO_LAMBDA_VERSION))

$(ziglang): | prerequisites
	$(call install,ziglang==$(ZIGLANG_VERSION))

$(sam): | prerequisites
	$(call install,aws-sam-cli==$(SAM_VERSION) cfn-lint==$(CFN_LINT_VERSION))

$(schemathesis): | prerequisites
	$(call install,schemathesis==$(SCHEMATHESIS_VERSION))

# It drives the system's Chromium and downloads none. The other package is axe-core, which looks for what keeps people out.
$(playwright): | prerequisites
	$(call install,playwright==$(PLAYWRIGHT_VERSION) axe-playwright-python==$(AXE_VERSION))

.PHONY: prerequisites
prerequisites:
	@command -v cargo >/dev/null || { echo "make: there is no cargo; install Rust from https://rustup.rs."; exit 1; }
	@command -v python3 >/dev/null || { echo "make: there is no python3; install Python 3 with pip."; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { echo "make: python3 has no pip; install it, on Debian as python3-pip."; exit 1; }

.PHONY: clean-local
clean-local: ## Delete the local data, keys and tools
	rm -rf .local
