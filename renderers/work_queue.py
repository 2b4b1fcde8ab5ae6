"""Pieces of work that threads take one after the other: whoever is ready first takes the next.

Each piece is done once and writes to its own part of the result, so results do not depend on which thread did it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from renderers.simd import intrinsic


def work_queue() -> np.ndarray:
    """A new queue, [1] int64: the number of the piece that `take_next` returns first, 0."""
    return np.zeros(1, np.int64)


@intrinsic
def take_next(typing: Any, queue: Any) -> Any:
    """In a kernel: the number of the next piece, int64, which no other thread gets. There is no last one."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(queue), codegen
