"""Memory for large tensors that come and go at every evaluation of a loss, or at every step: it is kept and used again.

The C library returns the largest to the system, which clears every page of them before it gives them back. Others it
keeps, but between what lasts longer, so that what is free is in pieces. Here tensors of one purpose lie by themselves
in a few blocks, which are cut up as needed and grow together again.
"""

from __future__ import annotations

import mmap
import threading
import weakref
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from torch import Tensor

_LEAST = 2**20  # bytes; smaller tensors are torch's own
_UNIT = 2**16  # bytes of which parts are multiples


@dataclass(eq=False)
class _Block:
    """A piece of memory, and the parts of it that nobody uses."""

    memory: np.ndarray  # uint8
    free: list[tuple[int, int]] = field(default_factory=list)  # from, to; in order, none beside another

    def give_back(self, start: int, end: int) -> None:
        parts = sorted([*self.free, (start, end)])
        self.free = []
        for first, last in parts:
            if self.free and self.free[-1][1] == first:
                first = self.free.pop()[0]
            self.free.append((first, last))

    def take(self, size: int) -> int | None:
        """Where a part of this size begins, which is then used; None: there is no such part."""
        for k, (start, end) in enumerate(self.free):
            if end - start >= size:
                self.free[k : k + 1] = [(start + size, end)] if end - start > size else []
                return start
        return None


class Recycled:
    """A few blocks of memory for tensors of one purpose.

    Args:
        room: how many times what is asked for are reserved for a new block; what is never written to takes no memory.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._blocks: list[_Block] = []
        # Parts that are no longer used, until one is needed: a tensor may end at any time, in any thread.
        self._returned: deque[tuple[_Block, int, int]] = deque()

    def empty(self, *shape: int) -> Tensor:
        """A float32 tensor on the CPU, one number after the other, whose numbers are whatever they are.

        Its memory is used again once neither it nor any view of it is left.
        """
        size = -(-4 * prod(shape) // _UNIT) * _UNIT
        if size < _LEAST:
            return torch.empty(*shape)
        with self._lock:
            self._collect()
            block, start = self._part(size)
        part = block.memory[start : start + 4 * prod(shape)].view(np.float32).reshape(shape)
        weakref.finalize(part, self._returned.append, (block, start, start + size)).atexit = False
        return torch.from_numpy(part)  # which holds this very array, and nothing else does

    def copy(self, tensor: Tensor) -> Tensor:
        """The same numbers; on other devices, or of another kind, the tensor itself."""
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            return tensor
        return self.empty(*tensor.shape).copy_(tensor)

    def forget(self) -> None:
        """Return to the system the blocks that nobody uses."""
        with self._lock:
            self._collect()
            self._blocks = [block for block in self._blocks if block.free != [(0, len(block.memory))]]

    def _collect(self) -> None:
        while self._returned:
            block, start, end = self._returned.popleft()
            block.give_back(start, end)

    def _part(self, size: int) -> tuple[_Block, int]:
        """A part of this size of one of the blocks, or of a new one, and where it begins."""
        for block in self._blocks:
            start = block.take(size)
            if start is not None:
                return block, start
        self._blocks.append(_new_block(size, self._room))
        return self._blocks[-1], 0


def _new_block(size: int, room: int) -> _Block:
    """A block whose first part of this size is used."""
    own = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    try:
        memory = mmap.mmap(-1, room * size, **own)
    except OSError:  # memory is limited
        try:
            memory = mmap.mmap(-1, size, **own)
        except OSError as error:
            raise MemoryError(f"{size} bytes") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a system without large pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return _Block(np.frombuffer(memory, np.uint8), [(size, len(memory))] if len(memory) > size else [])


features = Recycled(8)
"""For what a network makes of a picture, and its gradients."""
