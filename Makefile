# Every target is one line; what needs more than that is a script in .ci/.
PREFIX ?= /usr/local
DESTDIR ?=
CYCLES ?= 20
SECONDS ?= 60
RUNS ?= 0
OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint vectors bench-crypto bench-relay bench-client bench-fleet crash-check client-check fleet-check registration-check fuzz mutants sanitize coverage soak fleet install uninstall dist clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

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

bench-client: ## Measure the commands with an empty store and with 100,000 messages; JSON=1 prints one object a line
	@exec .ci/benchmark client $(if $(filter 1,$(JSON)),--json) $(if $(ROUNDS),--rounds '$(ROUNDS)')

bench-fleet: ## Measure a fleet beside one relay and bare batches of inserts and accepts; JSON=1 prints one object a line
	@exec .ci/benchmark fleet $(if $(filter 1,$(JSON)),--json) $(if $(ROUNDS),--rounds '$(ROUNDS)')

crash-check: ## Kill a relay under load, CYCLES=20 times, and count what was lost or shown twice
	@exec .ci/benchmark crash-check --cycles '$(CYCLES)'

fleet-check: ## Take a fleet's parts away one after the other under load, and count what was lost or shown twice
	@exec .ci/benchmark fleet-check $(OPTIONS)

registration-check: ## Sign in at a provider, register at a fleet, be woken, and try tokens that are not genuine
	@exec .ci/registration-check

client-check: ## Kill sotto and the relay in the middle of everything, CYCLES=20 times each, restore a device, and count
	@exec .ci/benchmark client-check --cycles '$(CYCLES)'

fuzz: ## Fuzz every decoder for SECONDS=60 each; RUNS=n goes on until there were n executions in all
	@exec .ci/fuzz --seconds '$(SECONDS)' --runs '$(RUNS)'

mutants: ## Remove security checks one at a time from a copy, and see a test fail for each: an hour
	@exec .ci/mutants

sanitize: ## The suites with the Address and the Thread Sanitizer
	@exec .ci/sanitize

coverage: ## How much of the core its suites run; at least 95 % of lines and regions
	@exec .ci/coverage

soak: ## The long forms of the tests, 100 million fuzzed inputs, 200 kills under load: a night
	@exec .ci/soak

fleet: ## Three relays with PostgreSQL and a replica, RabbitMQ and NGINX, to try out, until ^C; OPTIONS for more
	@exec .ci/fleet $(OPTIONS)

install: ## Install sotto and sotto-relay under PREFIX (/usr/local); DESTDIR is honoured
	@DESTDIR='$(DESTDIR)' exec .ci/install-programs '$(PREFIX)'

uninstall: ## Remove what make install put under PREFIX and DESTDIR
	@DESTDIR='$(DESTDIR)' exec .ci/uninstall-programs '$(PREFIX)'

dist: ## Make dist/: an archive with programs that need no Swift on the machine they run on
	@exec .ci/dist

clean: ## Remove everything that a build made
	rm -rf .build .build-* Fuzz/.build dist
