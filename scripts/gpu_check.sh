#!/bin/sh
# Check the GPU in one go, within eight minutes: see scripts/benchmark/gpu_check.py, whose options this takes.
#   scripts/gpu_check.sh                       on a machine with a CUDA device
#   scripts/gpu_check.sh --device cpu --quick  anywhere, to see that it runs
# Results go to $OUT, or output/gpu. PYTHON names the Python; .venv's if it is there, else python3.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; fi
fi
if command -v nvidia-smi >/dev/null; then nvidia-smi -L || true; fi
PYTHONPATH=. exec timeout 480 "$PYTHON" -m scripts.benchmark.gpu_check --out "${OUT:-output/gpu}" "$@"
