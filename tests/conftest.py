"""What all tests share."""

import os

import pytest

# As painter.cli has it, and for the same reason; before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

# Without a device Triton's kernels run in Python; before anything imports triton.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="write tests/golden/ anew instead of comparing")
