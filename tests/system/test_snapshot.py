"""States as bytes: all kinds of numbers come back, however they lie, and files are what `dump` returns."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch

from painter.system.snapshot import HEAD_BYTES, dump, dump_into, load

TREE = {
    "name": "ä",
    "steps": [1, 2.5, None],
    "plain": torch.arange(6.0).reshape(2, 3),
    "turned": torch.arange(6.0, dtype=torch.float64).reshape(2, 3).T,
    "bytes": torch.arange(5, dtype=torch.uint8),
    "whole": torch.tensor([-1, 2**40]),
    "yes": torch.tensor([True, False, True]),
    "one": torch.tensor(0.5, dtype=torch.float16),
    "none": torch.zeros(0, 3),
    "one of a column": torch.arange(12.0).reshape(2, 6)[:1, 1],
    "needs": torch.ones(2, requires_grad=True),
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    dump_into(tmp_path / "state", TREE)
    content = (tmp_path / "state").read_bytes()
    assert content == dump(TREE)
    found = load(content)
    assert found.keys() == TREE.keys()
    for name, value in TREE.items():
        if isinstance(value, torch.Tensor):
            assert found[name].dtype == value.dtype and torch.equal(found[name], value), name
        else:
            assert found[name] == value


def test_nothing_is_kept(tmp_path: Path) -> None:
    """Without the garbage collector, which the command line hardly ever runs: autosaves kept all that they saved."""
    values = torch.zeros(10)
    ended = weakref.ref(values)
    gc.disable()
    try:
        dump_into(tmp_path / "state", {"values": [values]})
        del values
        assert ended() is None
    finally:
        gc.enable()


def test_altered_bytes_are_refused() -> None:
    content = bytearray(dump(TREE))
    content[HEAD_BYTES + 40] ^= 1
    with pytest.raises(ValueError, match="sha256"):
        load(bytes(content))


def test_what_occurs_twice_is_stored_once() -> None:
    values = torch.zeros(1000)
    assert len(dump({"a": values, "b": [values, values]})) < 4000 + 500
