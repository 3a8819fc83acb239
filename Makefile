# What the README tells to type:
#   make demo   set everything up, then: simulator -> record -> relabel -> bench -> leaderboard.html
#   make test   set everything up, then: the test suite
# `make docs` builds the documentation into build/docs, without a network;
# `make setup-demo` and `make setup` prepare .venv alone, without and with what development needs;
# `make test-all` runs the slow tests too; `make lint` checks style, floors and types; `make fix`
# formats; `make fuzz` spoils inputs for five minutes; `make clean` removes what was made.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AIRSEG := $(BIN)/airseg
# Pinned so that these commands work again next year; the packages themselves: constraints.txt.
UV := uv==0.13.8
# Whoever forbids Python to keep what it compiled waits at each start: torch takes twice as long, and
# the tests start hundreds of programs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo demo docs places study study-pilot study-data study-report test test-all lint fix fuzz clean constraints
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#   *//p' Makefile

setup: $(VENV)/.ready

# The demo needs nothing of the extras; where they are installed already, they stay.
setup-demo: $(if $(wildcard $(VENV)/.ready),$(VENV)/.ready,$(VENV)/.ready-demo)

# uv installs in half the time; pip takes over where uv cannot reach the registry pip is set up for.
$(VENV)/.ready $(VENV)/.ready-demo: WHAT = .[$(if $(filter %-demo,$@),bench,dev)]
$(VENV)/.ready $(VENV)/.ready-demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"airseg needs Python 3.11 or newer; $(PYTHON) is {v[0]}.{v[1]}. Try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'airseg needs the venv module, which Debian and Ubuntu keep apart: apt-get install python3-venv' >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(UV)' || { \
	  echo 'no package could be fetched; behind a proxy or offline: docs/troubleshooting.md' >&2; exit 2; }
	@echo "installing '$(WHAT)' as constraints.txt says: $(if $(filter %-demo,$@),6,8) GB, some minutes on a slow line ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '$(WHAT)' || { \
	  echo 'uv could not; pip takes over and takes some minutes (why: docs/troubleshooting.md) ...' >&2; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '$(WHAT)'; }
	@touch $@
	@echo 'airseg is in $(VENV). To type it in this shell: . $(VENV)/bin/activate'

DEMO_PLANS := loop_walk loop_high street_val loop_back roofs gardens garden_test car_drive

demo: setup-demo
	$(AIRSEG) record $(DEMO_PLANS) --embedded --frames 180 --out demo/recordings
	$(AIRSEG) relabel demo/recordings --map neighborhood --out demo/dataset.h5 --overwrite
	$(AIRSEG) bench run demo --dataset demo/dataset.h5 --out demo/results
	$(AIRSEG) bench leaderboard demo/results --out demo

# Flights for the recipe test-places: trained where the demo trains, tested on streets and in towns
# that no training flight shares (their plans name world and seed).
PLACES_TRAIN := loop_walk loop_high loop_back roofs gardens street_east street_north car_drive
PLACES_TEST := $(basename $(notdir $(wildcard flight_plans/new_street_*.yaml flight_plans/new_town_*.yaml)))

places: setup
	$(AIRSEG) record $(PLACES_TRAIN) street_val $(PLACES_TEST) --embedded --out places/recordings
	$(AIRSEG) relabel places/recordings --map embedded --out places/dataset.h5 --overwrite

# The study of benchmark/studies/tca/PROTOCOL.md, from nothing; each goes on where it was stopped.
STUDY := benchmark/studies/tca
STUDY_TRAIN := car_block car_drive evening_street gardens gardens_north hover_turn loop_high \
  loop_walk orbit_corner orbit_house roofs roofs_east street_east street_north street_west
STUDY_PLANS := $(STUDY_TRAIN) $(PLACES_TEST) $(sort $(wildcard $(STUDY)/plans/*_seed*.yaml))
STUDY_ROWS := study/results

study-data: study/dataset.h5

study/dataset.h5: | setup
	$(AIRSEG) record $(STUDY_PLANS) --embedded --frames 150 --out study/recordings
	$(AIRSEG) relabel study/recordings --map embedded --out $@ --overwrite

study-pilot: study/dataset.h5
	OMP_NUM_THREADS=1 nice $(AIRSEG) bench run $(STUDY)/pilot.yaml --dataset $< --out study/pilot \
	  --device cpu

# Every fifth frame of the same flights: the study's second condition.
study/dataset-5hz.h5: study/dataset.h5
	$(AIRSEG) dataset subset $< --range ::5 --out $@ --overwrite

# The same poses again in little light, with a sensor's noise: the third.
study/dataset-dusk.h5: study/dataset.h5
	$(AIRSEG) record $(STUDY)/plans/dusk.yaml --replay study/recordings --embedded \
	  --settings $(STUDY)/noise.json --out study/dusk
	$(AIRSEG) relabel study/dusk --map embedded --out $@ --overwrite

study: study/dataset.h5 study/dataset-5hz.h5 study/dataset-dusk.h5
	OMP_NUM_THREADS=1 nice $(AIRSEG) bench run $(STUDY)/main.yaml --dataset $< \
	  --out $(STUDY_ROWS) --device cpu --flow-cache study/flow
	for condition in 5hz dusk; do \
	  OMP_NUM_THREADS=1 nice $(AIRSEG) bench run $(STUDY)/main.yaml \
	    --dataset study/dataset-$$condition.h5 --out $(STUDY_ROWS)-$$condition --device cpu \
	    --flow-cache study/flow --set 'seeds=[0, 1, 2]' \
	    --only 'FANet-18 N=0' --only 'FANet-18 placebo' --only 'FANet-18 N=4' || exit; \
	done
	$(BIN)/python benchmark/studies/keep_rows.py $(STUDY_ROWS) benchmark/results/tca-cpu
	$(BIN)/python benchmark/studies/keep_rows.py $(STUDY_ROWS)-5hz benchmark/results/tca-cpu-5hz
	$(BIN)/python benchmark/studies/keep_rows.py $(STUDY_ROWS)-dusk benchmark/results/tca-cpu-dusk

study-report: setup
	$(BIN)/python benchmark/studies/tca/report.py
	$(BIN)/python benchmark/studies/small_tables.py
	$(AIRSEG) bench leaderboard benchmark/results/tca-cpu --out study/report

# Each thread of glibc's allocator keeps what it frees: dozens of simulators come and go.
test test-all: export MALLOC_ARENA_MAX ?= 2

test: setup .venv-airsim/.ready .venv-cosys/.ready
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-all: setup .venv-airsim/.ready .venv-cosys/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The official client of 2022 pins packages that nothing else can live with, and its setup imports
# itself; so it gets an environment of its own, built without isolation.
OFFICIAL := .venv-airsim/bin/python -m pip install --quiet --disable-pip-version-check

.venv-airsim/.ready:
	$(PYTHON) -m venv --clear .venv-airsim
	$(OFFICIAL) 'setuptools<81' 'wheel<1' 'numpy<3'
	$(OFFICIAL) --no-build-isolation 'msgpack-rpc-python==0.4.1'
	@# The client's tornado wants a module that left Python's library in 3.12.
	$(OFFICIAL) 'backports.ssl_match_hostname==3.7.0.1'
	$(OFFICIAL) --no-build-isolation --no-deps 'airsim==1.8.1'
	@touch $@

# Cosys-AirSim's client brings another package of the same import name, so it lives apart as well.
.venv-cosys/.ready:
	$(PYTHON) -m venv --clear .venv-cosys
	.venv-cosys/bin/python -m pip install --quiet --disable-pip-version-check 'cosysairsim==3.5.0' \
	  'rpc-msgpack==0.6.0' 'numpy<3' 'opencv-python-headless<6'
	@touch $@

# Warnings are errors: a link that leads nowhere is one.
docs: setup
	@echo 'building the pages, about a minute ...'
	@$(BIN)/sphinx-build -W --keep-going --quiet -b html docs build/docs
	@echo "wrote build/docs/index.html"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is not read, nor refused in one line, is kept in fuzzed/. Without --minutes: 300 of each kind.
fuzz: setup
	$(BIN)/python benchmark/input_fuzzer.py --each 1000000 --minutes 5 --seed $$(date +%s)

# The exact versions behind `setup`, for every Python and system; run after editing pyproject.toml.
constraints: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header \
	  --no-annotate pyproject.toml --upgrade --output-file constraints.txt

clean:
	rm -rf $(VENV) .venv-airsim .venv-cosys demo fuzzed build dist .pytest_cache .ruff_cache .hypothesis
