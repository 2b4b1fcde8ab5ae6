"""Memory that is used again: only once nobody can see it any more, in parts that grow together, and returned."""

from __future__ import annotations

import mmap
from typing import Any

import pytest
import torch

from painter.styling.recycled import Recycled

MEGA = 2**18  # float32 in 2**20 bytes


@pytest.fixture
def memory() -> Recycled:
    return Recycled(4)


def test_memory_is_used_again_once_no_view_is_left(memory: Recycled) -> None:
    first = memory.empty(1, MEGA)
    place, view = first.data_ptr(), first[0, 5:].detach()
    del first
    assert memory.empty(MEGA).data_ptr() != place
    del view
    assert memory.empty(MEGA).data_ptr() == place


def test_a_graph_keeps_what_it_needs(memory: Recycled) -> None:
    values = memory.empty(MEGA).fill_(3)
    leaf, place = torch.ones(MEGA, requires_grad=True), values.data_ptr()
    loss = (leaf * values).sum()
    del values
    other = memory.empty(MEGA).fill_(7)
    loss.backward()
    assert leaf.grad is not None and torch.equal(leaf.grad, torch.full((MEGA,), 3.0))
    assert other.data_ptr() != place


def test_parts_grow_together(memory: Recycled) -> None:
    parts = [memory.empty(MEGA) for _ in range(4)]
    place = parts[1].data_ptr()
    del parts[2]
    del parts[1]
    assert memory.empty(2, MEGA).data_ptr() == place
    assert len(memory._blocks) == 1


def test_what_is_not_used_is_returned(memory: Recycled) -> None:
    kept = memory.copy(torch.arange(float(MEGA)))
    memory.forget()
    assert len(memory._blocks) == 1 and kept[-1] == MEGA - 1
    del kept
    memory.forget()
    assert not memory._blocks


def test_little_is_torchs_own(memory: Recycled) -> None:
    assert memory.empty(3, 5).shape == (3, 5) and not memory._blocks
    double = torch.zeros(MEGA, dtype=torch.float64)
    assert memory.copy(double) is double


def test_where_memory_is_limited_there_is_no_room_to_spare(memory: Recycled, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mmap.mmap

    def limited(handle: int, size: int, **options: Any) -> Any:
        if size > 4 * MEGA:
            raise OSError(12, "Cannot allocate memory")
        return real(handle, size, **options)

    monkeypatch.setattr(mmap, "mmap", limited)
    places = {memory.empty(MEGA).fill_(k).data_ptr() for k in range(2)}
    assert len(places) == 1 and len(memory._blocks) == 1
    with pytest.raises(MemoryError):
        memory.empty(2, MEGA)
