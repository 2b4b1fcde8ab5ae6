"""Pieces of work that threads take one after the other: who is ready sooner takes the next.

Each piece is done once and writes to a place of its own, so results do not depend on who did it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from renderers.simd import intrinsic


def turns() -> np.ndarray:
    """[1] int64: how many pieces have been taken, none yet."""
    return np.zeros(1, np.int64)


@intrinsic
def take(typing: Any, taken: Any) -> Any:
    """In a kernel: the number of the next piece, of `turns`; nobody else gets it. There is no end to them."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(taken), codegen
