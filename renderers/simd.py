"""SIMD vectors for numba kernels: eight float32 at a time, with the usual operators.

numba leaves vectorization to LLVM, which finds little in loops that are short, gather from maps or share scratch
arrays; here a kernel states it. A `Lanes` value is LANES float32, <8 x float> in LLVM, which every processor can hold
(one AVX register, two of SSE or NEON); the operators +, -, * and / work between two of them. The order of every sum is
fixed, so results do not depend on the width of the machine's registers.

A pair is 2 · LANES float32 in one value, with the same operators. Where a processor has registers that wide (AVX-512),
matrix products use them, too: WIDE numbers at a time. Functions with an argument `like` return as many lanes as it has.
Indices are not checked against the bounds of arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

LANES = 8
WIDE = 2 * LANES if binding.get_host_cpu_features().get("avx512f") else LANES
HAS_BFLOAT16 = bool(binding.get_host_cpu_features().get("avx512bf16"))
"""Whether this processor multiplies bfloat16, float32's upper halves, at least twice as fast."""
# Intrinsics are called from kernels only, with other arguments than Python sees.
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = _intrinsic

_INT = ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(_INT, LANES)


class Lanes(types.Type):
    """numba's type of LANES float32, or of twice as many."""

    def __init__(self, count: int) -> None:
        super().__init__(name=f"float32x{count}")
        self.vector = ir.VectorType(ir.FloatType(), count)


class IntLanes(types.Type):
    """numba's type of LANES int32."""

    def __init__(self) -> None:
        super().__init__(name=f"int32x{LANES}")


lanes_type, pair_type, _wide, _int_lanes = Lanes(LANES), Lanes(2 * LANES), Lanes(WIDE), IntLanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)  # type: ignore[no-untyped-call]


@register_model(IntLanes)
class _IntLanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: IntLanes) -> None:
        super().__init__(manager, kind, _INTS)  # type: ignore[no-untyped-call]


def _allow(which: Any, floats: str, ints: str | None) -> None:
    """Let operator `which` work between two vectors of one type, by the LLVM instructions of these names."""
    kinds: dict[Any, str] = {lanes_type: floats, pair_type: floats}
    if ints is not None:
        kinds[_int_lanes] = ints

    class _Template(ConcreteTemplate):
        cases = [signature(kind, kind, kind) for kind in kinds]

    infer_global(which)(_Template)
    for kind, instruction in kinds.items():
        # A product and a sum may become one fused instruction.
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


# --- loads and stores ---------------------------------------------------------------------------------------


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """This number in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, context.cast(builder, args[0], sig.args[0], types.float32), _FLOATS)

    return lanes_type(value), codegen


@intrinsic
def splat_int(typing: Any, value: Any) -> Any:
    """This integer in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, context.cast(builder, args[0], sig.args[0], types.int32), _INTS)

    return _int_lanes(value), codegen


@intrinsic
def iota(typing: Any) -> Any:
    """0, 1, 2, … LANES - 1."""
    return lanes_type(), lambda context, builder, sig, args: ir.Constant(_FLOATS, list(range(LANES)))


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """LANES numbers of a flat float32 array, from `index` on."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_vector(builder, _place(context, builder, sig, args, 0, _FLOATS))

    return lanes_type(array, index), codegen


@intrinsic
def load_splat(typing: Any, array: Any, index: Any) -> Any:
    """The number at `index` of a flat float32 array in all lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, builder.load(_place(context, builder, sig, args, 0)), _FLOATS)

    return lanes_type(array, index), codegen


@intrinsic
def wide_zero(typing: Any) -> Any:
    """WIDE zeros."""
    return _wide(), lambda context, builder, sig, args: ir.Constant(_wide.vector, [0.0] * WIDE)


@intrinsic
def load_like(typing: Any, like: Any, array: Any, index: Any) -> Any:
    """Numbers of a flat float32 array, from `index` on: as many as `like` has lanes."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_vector(builder, _place(context, builder, sig, args, 1, like.vector))

    return like(like, array, index), codegen


@intrinsic
def load_splat_like(typing: Any, like: Any, array: Any, index: Any) -> Any:
    """The number at `index` of a flat float32 array in as many lanes as `like` has."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, builder.load(_place(context, builder, sig, args, 1)), like.vector)

    return like(like, array, index), codegen


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write the lanes to a flat float32 array, from `index` on."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, sig, args, 0, value.vector)).align = 4
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def store_signs(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write one bit for each lane, 1 where it is above 0, to a flat uint8 array from `index` on; lowest bit first."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        above = builder.fcmp_ordered(">", args[2], ir.Constant(value.vector, [0.0] * value.vector.count))
        kind = ir.IntType(value.vector.count)
        builder.store(builder.bitcast(above, kind), _place(context, builder, sig, args, 0, kind)).align = 1
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def where_signs(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`value` in the lanes whose bit, as `store_signs` wrote it, is 1, and 0 in the others."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = value.vector.count
        loaded = builder.load(_place(context, builder, sig, args, 0, ir.IntType(count)))
        loaded.align = 1
        above = builder.bitcast(loaded, ir.VectorType(ir.IntType(1), count))
        return builder.select(above, args[2], ir.Constant(value.vector, [0.0] * count))

    return value(array, index, value), codegen


@intrinsic
def load_widened(typing: Any, like: Any, array: Any, index: Any) -> Any:
    """`load_like` from a flat array of float32, or of bfloat16 as uint16."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if array.dtype != types.uint16:
            return load_vector(builder, _place(context, builder, sig, args, 1, like.vector))
        count = like.vector.count
        halves = builder.load(_place(context, builder, sig, args, 1, ir.VectorType(ir.IntType(16), count)))
        halves.align = 2
        bits = builder.zext(halves, ir.VectorType(_INT, count))
        return builder.bitcast(builder.shl(bits, ir.Constant(bits.type, [16] * count)), like.vector)

    return like(like, array, index), codegen


@intrinsic
def store_rounded(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """`store` to a flat array of float32, or of bfloat16 as uint16: then rounded, halves to even."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        stored = args[2]
        if array.dtype == types.uint16:
            kind = ir.VectorType(_INT, value.vector.count)
            sixteen, one, half = (ir.Constant(kind, [number] * kind.count) for number in (16, 1, 2**15 - 1))
            bits = builder.bitcast(stored, kind)
            up = builder.add(half, builder.and_(builder.lshr(bits, sixteen), one))
            stored = builder.trunc(
                builder.lshr(builder.add(bits, up), sixteen), ir.VectorType(ir.IntType(16), kind.count)
            )
        to = _place(context, builder, sig, args, 0, stored.type)
        builder.store(stored, to).align = 2 if array.dtype == types.uint16 else 4
        return context.get_dummy_value()

    return types.void(array, index, value), codegen


@intrinsic
def truncate(typing: Any, value: Any) -> Any:
    """Float lanes rounded towards zero, as int lanes."""
    return _int_lanes(value), lambda context, builder, sig, args: builder.fptosi(args[0], _INTS)


@intrinsic
def as_float(typing: Any, value: Any) -> Any:
    """Int lanes converted to float lanes."""
    return lanes_type(value), lambda context, builder, sig, args: builder.sitofp(args[0], _FLOATS)


# --- arithmetic ---------------------------------------------------------------------------------------------


@intrinsic
def clamp(typing: Any, value: Any, low: Any, high: Any) -> Any:
    """Int lanes, none below `low` or above `high` (int lanes)."""

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
def sqrt(typing: Any, value: Any) -> Any:
    """The square root of each float lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(value.vector, [value.vector])
        name = f"llvm.sqrt.v{value.vector.count}f32"
        return builder.call(get_or_insert_function(builder.module, kind, name), [args[0]])

    return value(value), codegen


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """The sum of all lanes, added up by halves."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, width = args[0], LANES
        while width > 1:
            width //= 2
            low, high = (shuffle(builder, value, value, range(k, k + width)) for k in (0, width))
            value = builder.fadd(low, high)
        return builder.extract_element(value, _INT(0))

    return types.float32(value), codegen


# --- pairs: 2 · LANES float32 in one value ------------------------------------------------------------------


@intrinsic
def interleave(typing: Any, left: Any, right: Any) -> Any:
    """Numbers of `left` and `right` alternately, as a pair."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = args
        return shuffle(builder, left, right, [k + side for k in range(LANES) for side in (0, LANES)])

    return pair_type(left, right), codegen


@intrinsic
def deinterleave(typing: Any, pair: Any) -> Any:
    """The inverse of `interleave`: the even and the odd numbers of a pair, float lanes each."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [shuffle(builder, args[0], args[0], range(k, 2 * LANES, 2)) for k in (0, 1)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(lanes_type, 2)(pair), codegen


@intrinsic
def concat(typing: Any, first: Any, second: Any) -> Any:
    """A pair: the lanes of `first`, then those of `second`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return concat_vectors(builder, list(args))

    return pair_type(first, second), codegen


@intrinsic
def split(typing: Any, pair: Any) -> Any:
    """The inverse of `concat`: the two halves of a pair, float lanes each."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [shuffle(builder, args[0], args[0], range(k, k + LANES)) for k in (0, LANES)]
        return context.make_tuple(builder, sig.return_type, parts)

    return types.UniTuple(lanes_type, 2)(pair), codegen


# --- LLVM ---------------------------------------------------------------------------------------------------


def broadcast(builder: Any, value: Any, kind: Any) -> Any:
    """The number `value` in all lanes of a vector of this type."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _INT(0))
    return shuffle(builder, one, one, [0] * kind.count)


def shuffle(builder: Any, left: Any, right: Any, order: Sequence[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INT, len(order)), list(order)))


def concat_vectors(builder: Any, parts: list[Any]) -> Any:
    """Vectors of one width end to end; their count is a power of two."""
    while len(parts) > 1:
        both = range(2 * parts[0].type.count)
        parts = [shuffle(builder, *pair, both) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def load_vector(builder: Any, address: Any) -> Any:
    loaded = builder.load(address)
    loaded.align = 4
    return loaded


def _place(context: Any, builder: Any, sig: Any, args: Any, at: int, kind: Any = None) -> Any:
    """Pointer to a value of this type, or a number, at index args[at + 1] of the flat array args[at]."""
    index = context.cast(builder, args[at + 1], sig.args[at + 1], types.intp)
    place = builder.gep(context.make_array(sig.args[at])(context, builder, args[at]).data, [index])
    return place if kind is None else builder.bitcast(place, kind.as_pointer())
