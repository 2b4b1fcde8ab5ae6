"""Eight numbers at a time in numba kernels: what a processor does in one instruction, said in one operator.

numba leaves it to LLVM to find what may run side by side, and in loops that are short, gather from maps or share
scratch arrays it finds little. Here a kernel says it. A `Lanes` value is LANES float32, <8 x float> in LLVM, which
every processor has a form of (one AVX register, two of SSE or NEON); it lives in registers, and the usual operators
work between two of them. The order of all sums is written down, so results do not depend on the machine's width.

Pairs of lanes, 2 · LANES numbers in one value, know the same operators. Where a processor has registers that wide,
matrix products use them, too: WIDE numbers at a time. What takes a value `like` gives as many lanes as it has.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

LANES = 8
WIDE = 2 * LANES if binding.get_host_cpu_features().get("avx512f") else LANES
intrinsic: Any = _intrinsic  # what it makes is called from kernels only, with other arguments than Python sees

_INT = ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(_INT, LANES)
_QUAD = ir.VectorType(ir.FloatType(), 4)


class Lanes(types.Type):
    """numba's type of LANES float32, or of twice as many."""

    def __init__(self, count: int) -> None:
        super().__init__(name=f"float32x{count}")
        self.vector = ir.VectorType(ir.FloatType(), count)


class IntLanes(types.Type):
    """numba's type of LANES int32."""

    def __init__(self) -> None:
        super().__init__(name=f"int32x{LANES}")


_lanes, _pairs, _wide, _int_lanes = Lanes(LANES), Lanes(2 * LANES), Lanes(WIDE), IntLanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)


@register_model(IntLanes)
class _IntLanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: IntLanes) -> None:
        super().__init__(manager, kind, _INTS)


def _allow(which: Any, floats: str, ints: str | None) -> None:
    """Let operator `which` work between two lanes, by the LLVM instructions of these names."""
    kinds: dict[Any, str] = {_lanes: floats, _pairs: floats}
    if ints is not None:
        kinds[_int_lanes] = ints

    class _Template(ConcreteTemplate):
        cases = [signature(kind, kind, kind) for kind in kinds]

    infer_global(which)(_Template)
    for kind, instruction in kinds.items():
        # A product and a sum may become one instruction.
        flags = () if kind is _int_lanes else ("contract",)

        def lower(
            context: Any, builder: Any, sig: Any, args: Any, instruction: str = instruction, flags: Any = flags
        ) -> Any:
            return getattr(builder, instruction)(*args, flags=flags)

        lower_builtin(which, kind, kind)(lower)


for _plain, _in_place, _name in (
    (operator.add, operator.iadd, "add"),
    (operator.sub, operator.isub, "sub"),
    (operator.mul, operator.imul, "mul"),
):
    _allow(_plain, f"f{_name}", _name)
    _allow(_in_place, f"f{_name}", _name)
_allow(operator.truediv, "fdiv", None)


# --- making lanes -------------------------------------------------------------------------------------------


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """All lanes this number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, context.cast(builder, args[0], sig.args[0], types.float32), _FLOATS)

    return _lanes(value), codegen


@intrinsic
def splat_int(typing: Any, value: Any) -> Any:
    """All lanes this whole number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, context.cast(builder, args[0], sig.args[0], types.int32), _INTS)

    return _int_lanes(value), codegen


@intrinsic
def iota(typing: Any) -> Any:
    """0, 1, 2 and so on."""
    return _lanes(), lambda context, builder, sig, args: ir.Constant(_FLOATS, list(range(LANES)))


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """LANES numbers of a flat float32 array, from `index` on. Bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _load(builder, _place(context, builder, sig, args, 0, _FLOATS))

    return _lanes(array, index), codegen


@intrinsic
def load_one(typing: Any, array: Any, index: Any) -> Any:
    """All lanes the number at `index` of a flat float32 array. Bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, builder.load(_place(context, builder, sig, args, 0)), _FLOATS)

    return _lanes(array, index), codegen


@intrinsic
def wide(typing: Any) -> Any:
    """WIDE zeros."""
    return _wide(), lambda context, builder, sig, args: ir.Constant(_wide.vector, [0.0] * WIDE)


@intrinsic
def load_like(typing: Any, like: Any, array: Any, index: Any) -> Any:
    """Numbers of a flat float32 array, from `index` on. Bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _load(builder, _place(context, builder, sig, args, 1, like.vector))

    return like(like, array, index), codegen


@intrinsic
def load_one_like(typing: Any, like: Any, array: Any, index: Any) -> Any:
    """All lanes the number at `index` of a flat float32 array. Bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, builder.load(_place(context, builder, sig, args, 1)), like.vector)

    return like(like, array, index), codegen


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write lanes into a flat float32 array, from `index` on. Bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, sig, args, 0, value.vector)).align = 4
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def store_signs(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write whether each lane is above 0, a bit each, into a flat uint8 array from `index` on, the first lane lowest.

    Bounds are not checked.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        above = builder.fcmp_ordered(">", args[2], ir.Constant(value.vector, [0.0] * value.vector.count))
        kind = ir.IntType(value.vector.count)
        builder.store(builder.bitcast(above, kind), _place(context, builder, sig, args, 0, kind)).align = 1
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def where_signs(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Float lanes: those of `value` whose sign was written by `store_signs`, 0 for the others."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = value.vector.count
        loaded = builder.load(_place(context, builder, sig, args, 0, ir.IntType(count)))
        loaded.align = 1
        above = builder.bitcast(loaded, ir.VectorType(ir.IntType(1), count))
        return builder.select(above, args[2], ir.Constant(value.vector, [0.0] * count))

    return value(array, index, value), codegen


@intrinsic
def truncate(typing: Any, value: Any) -> Any:
    """Float lanes without what is behind the point, as int lanes."""
    return _int_lanes(value), lambda context, builder, sig, args: builder.fptosi(args[0], _INTS)


@intrinsic
def as_float(typing: Any, value: Any) -> Any:
    """Int lanes as float lanes."""
    return _lanes(value), lambda context, builder, sig, args: builder.sitofp(args[0], _FLOATS)


# --- between lanes ------------------------------------------------------------------------------------------


@intrinsic
def clamped(typing: Any, value: Any, low: Any, high: Any) -> Any:
    """Int lanes kept within [low, high]."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, low, high = args
        value = builder.select(builder.icmp_signed("<", value, low), low, value)
        return builder.select(builder.icmp_signed(">", value, high), high, value)

    return _int_lanes(value, low, high), codegen


@intrinsic
def where_less(typing: Any, left: Any, right: Any, then: Any, otherwise: Any) -> Any:
    """Float lanes: `then` where left < right, else `otherwise`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right, then, otherwise = args
        return builder.select(builder.fcmp_ordered("<", left, right), then, otherwise)

    return left(left, right, then, otherwise), codegen


@intrinsic
def square_root(typing: Any, value: Any) -> Any:
    """Of each float lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(value.vector, [value.vector])
        name = f"llvm.sqrt.v{value.vector.count}f32"
        return builder.call(get_or_insert_function(builder.module, kind, name), [args[0]])

    return value(value), codegen


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """The sum of all lanes, taken by halves."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, width = args[0], LANES
        while width > 1:
            width //= 2
            low, high = (_shuffle(builder, value, value, range(k, k + width)) for k in (0, width))
            value = builder.fadd(low, high)
        return builder.extract_element(value, _INT(0))

    return types.float32(value), codegen


# --- pairs: two lanes as one value --------------------------------------------------------------------------


@intrinsic
def interleaved(typing: Any, left: Any, right: Any) -> Any:
    """The numbers of two float lanes in turn: pairs."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = args
        return _shuffle(builder, left, right, [k + side for k in range(LANES) for side in (0, LANES)])

    return _pairs(left, right), codegen


@intrinsic
def separated(typing: Any, pairs: Any) -> Any:
    """The reverse of `interleaved`: two float lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [_shuffle(builder, args[0], args[0], range(k, 2 * LANES, 2)) for k in (0, 1)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(_lanes, 2)(pairs), codegen


@intrinsic
def joined(typing: Any, first: Any, second: Any) -> Any:
    """Two float lanes, one after the other."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _joined(builder, list(args))

    return _pairs(first, second), codegen


@intrinsic
def halves(typing: Any, pairs: Any) -> Any:
    """The reverse of `joined`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [_shuffle(builder, args[0], args[0], range(k, k + LANES)) for k in (0, LANES)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(_lanes, 2)(pairs), codegen


# --- texels: pairs of numbers, read and written with their right-hand neighbour ----------------------------


@intrinsic
def load_texels(typing: Any, array: Any, base: Any, index: Any) -> Any:
    """For each lane the texel at base + index, and the one after it: two times pairs.

    Args:
        array: flat float32; texel k is array[2·k] and array[2·k + 1]. Bounds are not checked.
        base: whole number.
        index: int lanes.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        base = builder.shl(context.cast(builder, args[1], sig.args[1], types.intp), ir.IntType(64)(1))
        data = builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [base])
        twice = builder.shl(args[2], ir.Constant(_INTS, [1] * LANES))
        quads = [_load(builder, _quad_address(builder, data, twice, lane)) for lane in range(LANES)]
        # Every other lane's, so that pairs come out in order where shuffles stay within four numbers.
        even, odd = _joined(builder, quads[::2]), _joined(builder, quads[1::2])
        columns = [
            _shuffle(
                builder, even, odd, [4 * k + side + c for k in range(LANES // 2) for side in (0, 2 * LANES) for c in at]
            )
            for at in ((0, 1), (2, 3))
        ]
        return context.make_tuple(builder, sig.return_type, columns)

    return types.UniTuple(_pairs, 2)(array, base, index), codegen


@intrinsic
def add_around(typing: Any, array: Any, index: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """For each lane, in order, add four pairs one after the other to LANES numbers from array[LANES · index] on.

    Args:
        array: flat float32. Bounds are not checked.
        index: int lanes.
        first, second, third, fourth: pairs.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        upper, lower = (_joined(builder, list(pair)) for pair in (args[2:4], args[4:6]))
        for lane in range(LANES):
            order = [2 * lane, 2 * lane + 1, 2 * (LANES + lane), 2 * (LANES + lane) + 1]
            both = _shuffle(builder, upper, lower, [*order, *(4 * LANES + k for k in order)])
            place = builder.sext(builder.extract_element(args[1], _INT(lane)), ir.IntType(64))
            place = builder.gep(data, [builder.mul(place, ir.IntType(64)(LANES))])
            address = builder.bitcast(place, _FLOATS.as_pointer())
            builder.store(builder.fadd(_load(builder, address), both), address).align = 4
        return context.get_dummy_value()

    return types.void(array, index, first, second, third, fourth), codegen


@intrinsic
def load_sums(typing: Any, array: Any, first: Any, second: Any) -> Any:
    """Sums of the first four of LANES numbers at array[first] and array[second], LANES / 2 times, one after the other.

    Returns:
        two float lanes: all first pairs, and all second ones.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        quads = []
        for k in range(LANES // 2):
            data = context.make_array(sig.args[0])(context, builder, args[0]).data
            places = [builder.gep(data, [builder.add(at, at.type(LANES * k))]) for at in args[1:]]
            parts = [_load(builder, builder.bitcast(place, _QUAD.as_pointer())) for place in places]
            quads.append(builder.fadd(*parts))
        both = _joined(builder, quads)
        order = [4 * k + c for k in range(LANES // 2) for c in (0, 1)]
        return context.make_tuple(
            builder, sig.return_type, [_shuffle(builder, both, both, [k + c for k in order]) for c in (0, 2)]
        )

    return types.UniTuple(_lanes, 2)(array, first, second), codegen


@intrinsic
def moved_up(typing: Any, before: Any, value: Any) -> Any:
    """Float lanes: the last pair of `before`, then all but the last pair of `value`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        before, value = args
        return _shuffle(builder, before, value, range(LANES - 2, 2 * LANES - 2))

    return _lanes(before, value), codegen


# --- LLVM ---------------------------------------------------------------------------------------------------


def broadcast(builder: Any, value: Any, kind: Any) -> Any:
    """The number `value` in all places of a vector of this kind."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _INT(0))
    return _shuffle(builder, one, one, [0] * kind.count)


def _shuffle(builder: Any, left: Any, right: Any, order: Sequence[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INT, len(order)), list(order)))


def _joined(builder: Any, parts: list[Any]) -> Any:
    """Vectors of one width, a power of two of them, end to end."""
    while len(parts) > 1:
        both = range(2 * parts[0].type.count)
        parts = [_shuffle(builder, *pair, both) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _load(builder: Any, address: Any) -> Any:
    loaded = builder.load(address)
    loaded.align = 4
    return loaded


def _place(context: Any, builder: Any, sig: Any, args: Any, at: int, kind: Any = None) -> Any:
    """Pointer to a value of this kind, or a number, at args[at + 1] in the flat array args[at]."""
    index = context.cast(builder, args[at + 1], sig.args[at + 1], types.intp)
    place = builder.gep(context.make_array(sig.args[at])(context, builder, args[at]).data, [index])
    return place if kind is None else builder.bitcast(place, kind.as_pointer())


def _quad_address(builder: Any, data: Any, index: Any, lane: int) -> Any:
    """Pointer to four numbers, at the index in this lane."""
    place = builder.sext(builder.extract_element(index, _INT(lane)), ir.IntType(64))
    return builder.bitcast(builder.gep(data, [place]), _QUAD.as_pointer())
