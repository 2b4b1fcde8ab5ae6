"""Expressions of Python in GLSL ES 3.00, with their types; see `renderers.webgl.translate`."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from renderers.webgl.kernel_source import KernelSource, source_of

_MATH = {
    "sqrt": "sqrt", "exp": "exp", "log": "log", "floor": "floor", "cos": "cos", "sin": "sin", "hypot": "length2",
    "clip": "clamp",
}  # fmt: skip
_RESERVED = {
    "half", "sample", "flat", "smooth", "input", "output", "out", "active", "filter", "common", "cast", "mix", "step",
}  # fmt: skip
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitXor: "^", ast.BitAnd: "&", ast.RShift: ">>", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||",
}  # fmt: skip
_POWERS = {2: "square", 3: "cube"}
_OF_ONE_POINT = {  # kernels that compute for all points at once what others, beside them, do for one
    "nearest_points": "nearest_on_curve", "nearly_nearest_points": "nearly_nearest_on_curve",
}  # fmt: skip


@dataclass(frozen=True)
class Context:
    """What a translation is told beside the source; see `renderers.webgl.translate.translated`."""

    arrays: Mapping[str, str]
    given: Mapping[str, str]


@dataclass(frozen=True)
class Signature:
    """What a kernel takes and returns, in GLSL."""

    parameters: dict[str, str]  # name -> 'float' and so on; 'in float[5]'; 'fetch'; '' for one that is left out
    result: str


@dataclass
class Typed:
    """An expression in GLSL and its type: 'float', 'int', 'uint' or 'bool'."""

    text: str
    type: str
    literal: bool = False


class Expressions:
    """Translates the expressions of one kernel."""

    node: ast.FunctionDef
    source: KernelSource
    context: Context
    signature: Signature
    known: dict[str, str]  # variables and their types, arrays as 'float[5]'
    unsigned: bool  # whether its whole numbers are unsigned, of 32 bits

    @abstractmethod
    def added(self, source: KernelSource, name: str) -> Signature:
        """See that a kernel that is called is translated, too."""

    def float_of(self, node: ast.expr) -> str:
        """An expression as a float."""
        return as_type(self.expression(node), "float")

    def condition(self, node: ast.expr) -> str:
        found = self.expression(node)
        return found.text if found.type == "bool" else f"({found.text} != 0)"

    def expression(self, node: ast.expr) -> Typed:
        if self.context.given and (text := self.context.given.get(ast.unparse(node))):
            return Typed(text, "int" if text.isdigit() or text.isupper() else "float")
        match node:
            case ast.Constant(value=int() | float() as number):
                return self._literal(number)
            case ast.Name(id=name):
                return Typed(local(name), self.known[name]) if name in self.known else self._constant(name)
            case ast.Attribute(value=ast.Name(id="math"), attr="pi"):
                return Typed("3.14159265358979", "float", True)
            case ast.Attribute(value=ast.Name(id="math"), attr="inf"):
                return Typed("3e38", "float", True)
            case ast.Subscript():
                return self.element(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.expression(operand)
                return Typed(f"(-{inner.text})", inner.type, inner.literal)
            case ast.BinOp():
                return self.binary(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return Typed(self._joined(left, _OPERATORS[type(op)], right).text, "bool")
            case ast.BoolOp(op=op, values=values):
                texts = [self.condition(value) for value in values]
                return Typed("(" + f" {_OPERATORS[type(op)]} ".join(texts) + ")", "bool")
            case ast.IfExp(test=test, body=body, orelse=other):
                a, b, kind = self._alike(body, other)
                return Typed(f"({self.condition(test)} ? {a} : {b})", kind)
            case ast.Call():
                return self._call(node)
        raise self.refused(node)

    def _constant(self, name: str, index: int | None = None) -> Typed:
        value = self.source.constant(name)
        if index is not None and isinstance(value, tuple):
            value = value[index]
        assert not isinstance(value, tuple)
        return self._literal(value)

    def element(self, node: ast.Subscript) -> Typed:
        """What an array is at this point, or one of its numbers there."""
        assert isinstance(node.value, ast.Name)
        name, places = node.value.id, node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if self.signature.parameters.get(name) == "fetch":
            return Typed(f"{name}_at({', '.join(self.float_of(place) for place in places)})", "float")
        if name not in self.known:
            assert isinstance(places[0], ast.Constant) and isinstance(places[0].value, int)
            return self._constant(name, places[0].value)
        if "[" in self.known[name]:
            return Typed(f"{local(name)}[{self.expression(places[-1]).text}]", "float")
        return Typed(local(name), "float")

    def _literal(self, number: float | int) -> Typed:
        if isinstance(number, int):
            return Typed(f"{number}u" if self.unsigned else str(number), "uint" if self.unsigned else "int", True)
        text = repr(number)
        return Typed(text if any(c in text for c in ".e") else text + ".0", "float", True)

    def binary(self, node: ast.BinOp) -> Typed:
        if isinstance(node.op, ast.BitAnd) and self.unsigned:  # with _MASK, which unsigned integers need not
            return self.expression(node.left)
        if isinstance(node.op, ast.Pow):
            inner = self.float_of(node.left)
            if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
                return Typed(f"{_POWERS[node.right.value]}({inner})", "float")
            return Typed(f"pow({inner}, {self.float_of(node.right)})", "float")
        if isinstance(node.op, ast.Div):
            return Typed(f"({self.float_of(node.left)} / {self.float_of(node.right)})", "float")
        if type(node.op) not in _OPERATORS:
            raise self.refused(node)
        return self._joined(node.left, _OPERATORS[type(node.op)], node.right)

    def _joined(self, left: ast.expr, operator: str, right: ast.expr) -> Typed:
        a, b, kind = self._alike(left, right)
        return Typed(f"({a} {operator} {b})", kind)

    def _alike(self, left: ast.expr, right: ast.expr) -> tuple[str, str, str]:
        a, b = self.expression(left), self.expression(right)
        kind = "float" if "float" in (a.type, b.type) else a.type
        return as_type(a, kind), as_type(b, kind), kind

    def _call(self, node: ast.Call) -> Typed:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in ("float32", "int8"):
                return self.expression(node.args[0])
            name = _MATH.get(node.func.attr)
            if name is None:
                raise self.refused(node)
            return Typed(f"{name}({', '.join(self.float_of(one) for one in node.args)})", "float")
        assert isinstance(node.func, ast.Name)
        name = _OF_ONE_POINT.get(node.func.id, node.func.id)
        if name in ("float", "int"):
            inner = self.expression(node.args[0])
            return inner if inner.type == name else Typed(f"{name}({inner.text})", name)
        if name == "round":
            return Typed(f"int(roundEven({self.float_of(node.args[0])}))", "int")
        if name in ("min", "max"):
            a, b, kind = self._alike(*node.args)
            return Typed(f"{name}({a}, {b})", kind)
        if name == "abs":
            return Typed(f"abs({self.expression(node.args[0]).text})", "float")
        home = self.source if name in self.source.functions else source_of(self.source.imported[node.func.id])
        signature = self.added(home, name)
        given = [pair for pair in zip(node.args, signature.parameters.values(), strict=True) if pair[1]]
        texts = [self._argument(one, kind) for one, kind in given if kind != "fetch"]
        return Typed(f"{glsl_name(name)}({', '.join(texts)})", signature.result)

    def _argument(self, node: ast.expr, kind: str) -> str:
        if "[" in kind:
            assert isinstance(node, ast.Name)
            return local(node.id)
        return as_type(self.expression(node), kind.split()[-1])

    def refused(self, node: ast.AST) -> ValueError:
        """What to raise where a part of the kernel is outside the subset."""
        line = getattr(node, "lineno", "?")
        return ValueError(f"{self.node.name}, line {line}: cannot be translated to GLSL: {ast.unparse(node)}")


def as_type(value: Typed, kind: str) -> str:
    """The expression with this type."""
    if value.type == kind:
        return value.text
    if value.literal and kind == "float":
        return value.text.rstrip("u)") + ".0" + ")" * value.text.endswith(")")
    return f"{kind}({value.text})"


def glsl_name(name: str) -> str:
    """A function's name; those of GLSL's own functions are taken."""
    return f"k_{name.strip('_')}"


def local(name: str) -> str:
    """A variable's name; words that GLSL reserves get an underscore."""
    return "unused" if name == "_" else f"{name}_" if name in _RESERVED else name
