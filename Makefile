# Every target is one line; what needs more than that is a script in .ci/.
PREFIX ?= /usr/local
DESTDIR ?=
CYCLES ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint vectors bench-crypto bench-relay crash-check soak install uninstall dist clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Build Sotto and watch two people talk through a blind relay
	@exec .ci/demo

test: ## Install what is missing, build once, run every test, print the time each part took
	@exec .ci/test

check: ## The part of the tests that starts no server
	@exec .ci/test SottoCryptoTests SottoWireTests SottoSessionTests HouseTests

format: ## Rewrite every Swift file in the house style
	@exec .ci/lint --fix

lint: ## Check the style of every Swift file
	@exec .ci/lint

vectors: ## Recompute the test vectors in place
	@exec .ci/vectors

bench-crypto: ## Measure the core against the calls it cannot do without; JSON=1 prints one object an operation
	@exec .ci/benchmark crypto $(if $(filter 1,$(JSON)),--json) $(if $(ROUNDS),--rounds '$(ROUNDS)')

bench-relay: ## Measure the relay against a bare append and nats-server; JSON=1 prints one object a phase
	@exec .ci/benchmark relay $(if $(filter 1,$(JSON)),--json) $(if $(ROUNDS),--rounds '$(ROUNDS)')

crash-check: ## Kill a relay under load, CYCLES=20 times, and count what was lost or shown twice
	@exec .ci/benchmark crash-check --cycles '$(CYCLES)'

soak: ## The long forms of the tests, and 200 kills under load: about an hour
	@exec .ci/soak

install: ## Install sotto and sotto-relay under PREFIX (/usr/local); DESTDIR is honoured
	@DESTDIR='$(DESTDIR)' exec .ci/install-programs '$(PREFIX)'

uninstall: ## Remove what make install put under PREFIX and DESTDIR
	@DESTDIR='$(DESTDIR)' exec .ci/uninstall-programs '$(PREFIX)'

dist: ## Make dist/: an archive with programs that need no Swift on the machine they run on
	@exec .ci/dist

clean: ## Remove everything that a build made
	rm -rf .build .build-venv dist
