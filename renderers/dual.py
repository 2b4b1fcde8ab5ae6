"""Dual numbers for numba kernels: a value and its derivatives by seven variables, in one vector register.

Forward-mode differentiation (Wengert 1964) for formulas with few variables that are evaluated at many points: written
once, with the usual operators, they give value and gradient, at one vector instruction for each scalar one.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from renderers.simd import LANES, broadcast, intrinsic

WIDTH = LANES  # float32 in a dual number: the value, then the derivatives; in memory it is LANES float32
VARIABLES = WIDTH - 1

_INT, _FLOAT = ir.IntType(32), ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_FLAGS = ("contract",)


class Dual(types.Type):
    """numba's type of a dual number."""

    def __init__(self) -> None:
        super().__init__(name=f"dual{VARIABLES}")


_dual = Dual()


@register_model(Dual)
class _DualModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Dual) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _value(builder: Any, dual: Any) -> Any:
    return builder.extract_element(dual, _INT(0))


def _with_value(builder: Any, dual: Any, value: Any) -> Any:
    return builder.insert_element(dual, value, _INT(0))


def _scaled(builder: Any, dual: Any, factor: Any) -> Any:
    return builder.fmul(dual, broadcast(builder, factor, _VECTOR), flags=_FLAGS)


def _change(builder: Any, dual: Any) -> Any:
    """The same derivatives with 0 for the value."""
    return _with_value(builder, dual, _FLOAT(0))


def _constant(builder: Any, value: Any) -> Any:
    return _with_value(builder, ir.Constant(_VECTOR, [0.0] * WIDTH), value)


def _add(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b, flags=_FLAGS)


def _subtract(builder: Any, a: Any, b: Any) -> Any:
    return builder.fsub(a, b, flags=_FLAGS)


def _multiply(builder: Any, a: Any, b: Any) -> Any:
    # (a, a') (b, b') = (ab, ab' + ba')
    return _add(
        builder, _scaled(builder, b, _value(builder, a)), _scaled(builder, _change(builder, a), _value(builder, b))
    )


def _divide(builder: Any, a: Any, b: Any) -> Any:
    # (a, a') / (b, b') = (q, (a' - q b') / b), q = a / b
    inverse = builder.fdiv(_FLOAT(1), _value(builder, b))
    quotient = builder.fmul(_value(builder, a), inverse)
    change = _subtract(builder, a, _scaled(builder, _change(builder, b), quotient))
    return _scaled(builder, change, inverse)


_NUMBERS = (types.float32, types.float64, types.int64)


def _allow(which: Any, rule: Any) -> None:
    """Let operator `which` work between dual numbers, and between a dual and a plain number."""
    mixed = [pair for number in _NUMBERS for pair in ((_dual, number), (number, _dual))]

    class _Template(ConcreteTemplate):
        cases = [signature(_dual, *kinds) for kinds in [(_dual, _dual), *mixed]]

    infer_global(which)(_Template)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        duals = []
        for arg, kind in zip(args, sig.args, strict=True):
            plain = kind is not _dual
            duals.append(_constant(builder, context.cast(builder, arg, kind, types.float32)) if plain else arg)
        return rule(builder, *duals)

    for kinds in [(_dual, _dual), *mixed]:
        lower_builtin(which, *kinds)(lower)


_allow(operator.add, _add)
_allow(operator.sub, _subtract)
_allow(operator.mul, _multiply)
_allow(operator.truediv, _divide)


class _Unary(ConcreteTemplate):
    cases = [signature(_dual, _dual)]


infer_global(operator.neg)(_Unary)


def _lower_negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


lower_builtin(operator.neg, _dual)(_lower_negative)


@intrinsic
def variable(typing: Any, value: Any, index: Any) -> Any:
    """Variable `index`, 0 … VARIABLES - 1, at this value: its derivative by itself is 1, by the others 0."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = context.cast(builder, args[0], sig.args[0], types.float32)
        lane = builder.add(context.cast(builder, args[1], sig.args[1], types.int32), _INT(1))
        return builder.insert_element(_constant(builder, value), _FLOAT(1), lane)

    return _dual(value, index), codegen


@intrinsic
def constant(typing: Any, value: Any) -> Any:
    """A dual number whose derivatives are 0."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _constant(builder, context.cast(builder, args[0], sig.args[0], types.float32))

    return _dual(value), codegen


@intrinsic
def value_of(typing: Any, dual: Any) -> Any:
    """The value alone, float32."""
    return types.float32(dual), lambda context, builder, sig, args: _value(builder, args[0])


@intrinsic
def sqrt(typing: Any, dual: Any) -> Any:
    """Square root of a positive dual number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.sqrt", [_FLOAT])
        value = builder.call(function, [_value(builder, args[0])])
        half = builder.fdiv(_FLOAT(0.5), value)
        return _with_value(builder, _scaled(builder, args[0], half), value)

    return _dual(dual), codegen


@intrinsic
def absolute(typing: Any, dual: Any) -> Any:
    """The absolute value of a dual number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        below = builder.fcmp_ordered("<", _value(builder, args[0]), _FLOAT(0))
        return builder.select(below, builder.fneg(args[0]), args[0])

    return _dual(dual), codegen


@intrinsic
def clip(typing: Any, dual: Any, low: Any, high: Any) -> Any:
    """A dual number clipped to the plain numbers [low, high]; beyond them its derivatives are 0."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        low, high = (context.cast(builder, args[k], sig.args[k], types.float32) for k in (1, 2))
        value = _value(builder, args[0])
        raised = builder.select(builder.fcmp_ordered("<", value, low), _constant(builder, low), args[0])
        return builder.select(builder.fcmp_ordered(">", value, high), _constant(builder, high), raised)

    return _dual(dual, low, high), codegen


@intrinsic
def store(typing: Any, array: Any, index: Any, dual: Any) -> Any:
    """Write a dual number to array[index · WIDTH …] of a flat float32 array; bounds are not checked."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index = context.cast(builder, args[1], sig.args[1], types.intp)
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.gep(data, [builder.mul(index, index.type(WIDTH))])
        builder.store(args[2], builder.bitcast(place, _VECTOR.as_pointer())).align = 4
        return context.get_dummy_value()

    return types.void(array, index, dual), codegen
