# Every command of the project. `make serve` and `make test` each work on a fresh clone with Python 3.11, pip and make.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA_DIR ?=

.PHONY: setup serve test thorough again test-oldest clients check lint types contracts format bench quality house soak protections docs reference lock clean

# The virtual environment, rebuilt when a lock changes.
$(VENV)/.dev: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.run: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup: $(VENV)/.dev

serve: $(VENV)/.run
	$(BIN)/ninai serve --port $(PORT) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

# Four at a time on two cores: most tests wait for another process.
PYTEST := $(BIN)/pytest --numprocesses 4 --dist worksteal

# Without their compiled form each run takes ten seconds more per process.
unexport PYTHONDONTWRITEBYTECODE

# Databases of tests lie in memory if 4 GB are free there, because nobody needs them after a power cut.
MEMORY := $(shell test -w /dev/shm && ! grep -q ' /dev/shm .*noexec' /proc/mounts && df -k /dev/shm | awk 'END { if ($$4 > 4000000) print "TMPDIR=/dev/shm" }')

# Nobody knows what would have failed in a run that did not come to its end.
KNOWN_FAILURES := || { code=$$?; test $$code -eq 1 || rm -f .pytest_cache/v/cache/lastfailed; exit $$code; }

test: setup
	$(MEMORY) $(PYTEST) $(KNOWN_FAILURES)

# What would make `make test` too long to be run often: most seeds of the simulation, real processes under faults.
thorough: setup
	$(MEMORY) $(PYTEST) -m "thorough and not soak" $(KNOWN_FAILURES)

# What failed in the last run, one after the other and by itself: who fails here, too, is not late because of the others.
# After `make test-oldest` with POSTGRES=16, as there.
POSTGRES ?=
again: setup
	$(MEMORY) $(BIN)/pytest $(if $(POSTGRES),--postgres $(POSTGRES)) -m "not soak" --last-failed --last-failed-no-failures none

# What depends on the server's version, on the oldest one that is supported.
test-oldest: setup
	$(MEMORY) $(PYTEST) --postgres 16 -k 'native or postgres' tests/providers --ignore tests/providers/chain --ignore tests/providers/mem0 $(KNOWN_FAILURES)

# Clients generated from the OpenAPI document, in Python and, where there is Node.js, in TypeScript, whose tools npm fetches;
# other people's, several versions of each, and the frameworks that our own has adapters for, in environments of their own, which
# need Node 20 and both registries. HEAVY=1 adds the frameworks that take minutes to install.
HEAVY ?=
clients: setup
	$(MEMORY) $(BIN)/pytest -m "clients$(if $(HEAVY), or heavy_clients)" tests/clients $(KNOWN_FAILURES)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

check: lint types contracts test thorough test-oldest

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# `make bench recall lists` runs two of them. `make bench scale`, which is not among all of them, needs an hour and 45 GB in
# SCALE_FOLDER for ten million memories, where they stay for the next time; SCALE_MEMORIES=1000000 is enough to try it, and
# SCALE_PARTS=requests leaves out the upkeep, which takes most of the hour: vacuum, migration, and CLUSTER with its recalls.
SCALE_FOLDER ?=
SCALE_MEMORIES ?=
SCALE_PARTS ?=
BENCHMARKS := $(if $(filter bench,$(MAKECMDGOALS)),$(filter-out bench,$(MAKECMDGOALS)))

bench: setup
	$(if $(SCALE_FOLDER),SCALE_FOLDER="$(SCALE_FOLDER)") $(if $(SCALE_MEMORIES),SCALE_MEMORIES="$(SCALE_MEMORIES)") $(if $(SCALE_PARTS),SCALE_PARTS="$(SCALE_PARTS)") $(BIN)/python -m tests.bench $(BENCHMARKS)

ifneq ($(BENCHMARKS),)
.PHONY: $(BENCHMARKS)
$(BENCHMARKS): bench
	@:
endif

# How much of what is asked for each method of recall finds, on conversations in several languages.
quality: setup
	$(BIN)/python -m tests.quality

house: setup
	$(BIN)/python -m tests.house

# What breaks real servers wants the machine to itself.
soak: setup
	$(BIN)/pytest -m soak --ignore tests/simulation
	$(PYTEST) -m soak tests/simulation

# Each protection of callers is taken out of a copy, and the test that goes red without it is named.
protections: setup
	$(MEMORY) $(BIN)/python -m tests.protections

# The guide as a site, where the service finds it: `/docs/guide`.
docs: setup
	$(BIN)/python -m deploy.guide

# The pages that are made from the code: settings, measurements, problems.
reference: setup
	$(BIN)/python -m deploy.guide reference

# Needs the development environment once, and Node.js; the locks themselves name no registry. The mem0 that tests run beside the
# service wants an older protobuf than the newest, and both locks have one version of each package. Extras are kept,
# because pip 23 looks for `coverage[toml]` apart from `coverage`, and refuses a lock that has only the latter.
lock:
	echo 'protobuf<7' | $(BIN)/uv pip compile --quiet --no-strip-extras --constraint - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra all --group build pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra all --group dev --constraint requirements.txt pyproject.toml -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --no-strip-extras --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group docs --constraint requirements-dev.txt pyproject.toml -o requirements-docs.txt
	cd tests/clients/typescript && npm install --package-lock-only

clean:
	rm -rf $(VENV) .clients .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
