"""What all tests share."""

import os

import pytest

# As painter.cli has it, and for the same reason; before anything imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-golden", action="store_true", help="write tests/golden/ anew instead of comparing")
