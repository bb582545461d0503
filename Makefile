# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs from nothing.
# The last line of `make demo ONCE=1` is its summary, also below another make.
MAKEFLAGS += --no-print-directory
PYTHON  ?= python3
EXAMPLE ?= cross-border-tax
VENV    := .venv
BIN     := $(VENV)/bin
READY   := .build/ready-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
PYTEST  := $(BIN)/python -m pytest -c tests/pytest.ini --rootdir=tests

.PHONY: help demo test check native bench chaos fuzz alerts fresh clean
.DEFAULT_GOAL := help

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
	@echo
	@echo "make demo ONCE=1     publish the example's input, deliver it, print a summary as JSON, end"
	@echo "make demo EXAMPLE=x  another ecosystem of examples/"

demo: $(READY) ## the example ecosystem, live; Ctrl-C ends it
	@$(BIN)/python examples/demo.py $(EXAMPLE) $(if $(ONCE),--once)

test: $(READY) ## every test, on a real embedded Kafka; ARGS=tests/x.py one file
	@$(BIN)/python tests/helpers/every_test.py $(ARGS)

check: $(READY) ## lint, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

native: $(READY) ## the compiled back end, built with cargo and put into .venv; without it views are made in Python
	@command -v cargo >/dev/null || { echo "penstock: the compiled back end is built with cargo (Rust 1.88 or newer), which is not here; everything works without it" >&2; exit 1; }
	@$(BIN)/python native/lock.py
	@mkdir -p .build/native && rm -rf .build/native/wheels
	@CARGO_TARGET_DIR=.build/native/target $(BIN)/maturin build --quiet --release --locked -m native/Cargo.toml -i $(BIN)/python -o .build/native/wheels
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps --no-index .build/native/wheels/*.whl

bench: $(READY) ## every engine on the same work, latency, what one thing more costs; again after an interruption, it goes on; PARTS="w1 latency" ARGS=--help
	@$(BIN)/python benchmarks/run.py $(PARTS) $(ARGS)

alerts: $(READY) ## every alert fired and cleared by a real fault on a running ecosystem (root: a small disk is filled)
	@$(PYTEST) -m tier tests/alerts/test_live.py $(ARGS)

chaos: $(READY) ## the fault bench: TIER=pr|nightly|release SEED=n; again after an interruption, it goes on
	@$(BIN)/python tests/faults/bench.py $(or $(TIER),pr) $(or $(SEED),1) $(if $(PARTS),--parts $(PARTS))

fuzz: $(READY) ## the HTTP source under schemathesis, nonces of ten million encryptions, back ends on generated and spoilt events, for long; FUZZ_SEED=n plays one again
	@PENSTOCK_FUZZ_EXAMPLES=3000 PENSTOCK_FUZZ_SECONDS=1500 PENSTOCK_FUZZ_SEED=$(or $(FUZZ_SEED),1) \
		$(PYTEST) tests/http/test_fuzz.py --timeout=1600 $(ARGS)
	@$(PYTEST) -m tier tests/processors/test_nonces.py $(ARGS)
	@HYPOTHESIS_PROFILE=fuzz $(PYTEST) tests/generated/test_sameness.py tests/generated/test_native_sameness.py $(ARGS)
	@command -v cargo >/dev/null || { echo "penstock: cargo is not here: the compiled back end is not tried" >&2; exit 0; }; \
		$(BIN)/python native/lock.py && \
		PENSTOCK_FUZZ_EVENTS=5000000 PENSTOCK_FUZZ_SEED=$(or $(FUZZ_SEED),1) CARGO_TARGET_DIR=.build/native/tests \
		cargo test --quiet --release --locked --manifest-path native/Cargo.toml --test spoilt_events

fresh: ## a clone, an empty home, no Java, no caches: demo, then tests (PART=demo: only the demo)
	@bash tests/fresh.sh $(PART)

clean: ## remove what was built here; jars cached in the home stay
	rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache

$(READY):
	@test -L src/penstock/schemas || { echo "penstock: this clone has no symbolic links (git config core.symlinks true, then clone again)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "penstock: Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "penstock: this Python has no ensurepip: install the package python3-venv (apt-get install python3-venv)" >&2; exit 1; }
	@echo "setting up $(VENV) (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p .build && rm -f .build/ready-* && touch $@
