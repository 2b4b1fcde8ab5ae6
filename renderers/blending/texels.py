"""Access to texels in numba kernels: two numbers each, read and written together with their right-hand neighbour.

Vectors are those of `renderers.simd`. Indices are not checked against the bounds of arrays.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from renderers.simd import LANES, concat_vectors, intrinsic, lanes_type, load_vector, pair_type, shuffle

_INT, _LONG = ir.IntType(32), ir.IntType(64)
_FLOATS, _QUAD = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.FloatType(), 4)


@intrinsic
def load_texels(typing: Any, array: Any, base: Any, index: Any) -> Any:
    """Gather for each lane the texel at base + index, and the one after it: two pairs.

    Args:
        array: flat float32; texel k is array[2·k] and array[2·k + 1].
        base: int.
        index: int lanes.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        base = builder.shl(context.cast(builder, args[1], sig.args[1], types.intp), _LONG(1))
        data = builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [base])
        twice = builder.shl(args[2], ir.Constant(ir.VectorType(_INT, LANES), [1] * LANES))
        quads = [load_vector(builder, _quad_address(builder, data, twice, lane)) for lane in range(LANES)]
        # Even and odd lanes apart, so that pairs come out in order though shuffles stay within four numbers.
        even, odd = concat_vectors(builder, quads[::2]), concat_vectors(builder, quads[1::2])
        columns = [
            shuffle(
                builder, even, odd, [4 * k + side + c for k in range(LANES // 2) for side in (0, 2 * LANES) for c in at]
            )
            for at in ((0, 1), (2, 3))
        ]
        return context.make_tuple(builder, sig.return_type, columns)

    return types.UniTuple(pair_type, 2)(array, base, index), codegen


@intrinsic
def scatter_add(typing: Any, array: Any, index: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Add four texels for each lane, lane after lane, to the LANES numbers from array[LANES · index] on.

    Args:
        array: flat float32.
        index: int lanes; several may be the same.
        first, second, third, fourth: pairs, the four texels of each lane.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        upper, lower = (concat_vectors(builder, list(pair)) for pair in (args[2:4], args[4:6]))
        for lane in range(LANES):
            order = [2 * lane, 2 * lane + 1, 2 * (LANES + lane), 2 * (LANES + lane) + 1]
            both = shuffle(builder, upper, lower, [*order, *(4 * LANES + k for k in order)])
            place = builder.sext(builder.extract_element(args[1], _INT(lane)), _LONG)
            place = builder.gep(data, [builder.mul(place, _LONG(LANES))])
            address = builder.bitcast(place, _FLOATS.as_pointer())
            builder.store(builder.fadd(load_vector(builder, address), both), address).align = 4
        return context.get_dummy_value()

    return types.void(array, index, first, second, third, fourth), codegen


@intrinsic
def load_sums(typing: Any, array: Any, first: Any, second: Any) -> Any:
    """array[first + LANES·k + c] + array[second + LANES·k + c] for c = 0 … 3 and k = 0 … LANES / 2 - 1.

    Returns:
        float lanes with the sums of c = 0 and 1, k after k, and float lanes with those of c = 2 and 3.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        quads = []
        for k in range(LANES // 2):
            data = context.make_array(sig.args[0])(context, builder, args[0]).data
            places = [builder.gep(data, [builder.add(at, at.type(LANES * k))]) for at in args[1:]]
            parts = [load_vector(builder, builder.bitcast(place, _QUAD.as_pointer())) for place in places]
            quads.append(builder.fadd(*parts))
        both = concat_vectors(builder, quads)
        order = [4 * k + c for k in range(LANES // 2) for c in (0, 1)]
        return context.make_tuple(
            builder, sig.return_type, [shuffle(builder, both, both, [k + c for k in order]) for c in (0, 2)]
        )

    return types.UniTuple(lanes_type, 2)(array, first, second), codegen


@intrinsic
def shift_in_pair(typing: Any, before: Any, value: Any) -> Any:
    """Float lanes: the last two of `before`, then all but the last two of `value`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        before, value = args
        return shuffle(builder, before, value, range(LANES - 2, 2 * LANES - 2))

    return lanes_type(before, value), codegen


def _quad_address(builder: Any, data: Any, index: Any, lane: int) -> Any:
    """Pointer to four numbers, at the index in this lane of `index`."""
    place = builder.sext(builder.extract_element(index, _INT(lane)), _LONG)
    return builder.bitcast(builder.gep(data, [place]), _QUAD.as_pointer())
