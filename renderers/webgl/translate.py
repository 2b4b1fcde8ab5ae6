"""Engines in GLSL ES 3.00, translated from their Python source: a kernel's arithmetic line by line, with its constants.

The subset is what the engines are written in: scalars, `if`, `for … in range`, `math`, calls of other kernels. A kernel
that paints the points of a stroke in a loop becomes a function of one point. Whatever cannot be translated is refused,
so a kernel that leaves the subset fails when the shaders are made, and not silently in the browser.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from renderers.webgl.kernel_source import KernelSource, source_of

_OUTPUTS = ("alpha", "mix", "relief")
_MATH = {"sqrt": "sqrt", "exp": "exp", "floor": "floor", "hypot": "length2"}
_RESERVED = {"half", "sample", "flat", "smooth", "input", "output", "active", "filter", "common", "mix", "step"}
_MASK = 0xFFFFFFFF  # a kernel that has it computes with unsigned integers of 32 bits
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitXor: "^", ast.RShift: ">>", ast.Lt: "<", ast.LtE: "<=",
    ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||",
}  # fmt: skip


def translated(module: str, name: str) -> str:
    """A kernel of a module of `renderers` and all kernels that it calls, as GLSL functions.

    A kernel without a loop over points keeps its arguments; others become

        void NAME(float geometry[5], float u, float v, float fu, float fv, int seed,
                  out float alpha, out float mix_, out float relief)

    Args:
        module: its full name.
        name: the kernel.

    Raises:
        ValueError: the kernel has what cannot be translated; the message names it and the line.
    """
    functions: dict[str, str] = {}
    _add(source_of(module), name, functions)
    return "\n".join(functions.values())


def _add(source: KernelSource, name: str, functions: dict[str, str]) -> _Signature:
    node = source.functions[name]
    translation = _Translation(source, node, functions)
    if _glsl_name(name) not in functions:
        text = translation.text()  # which adds the functions that it calls before it
        functions[_glsl_name(name)] = text
    return translation.signature


@dataclass(frozen=True)
class _Signature:
    parameters: dict[str, str]  # name -> type
    result: str


@dataclass
class _Typed:
    """An expression in GLSL and its type: 'float', 'int', 'uint' or 'bool'."""

    text: str
    type: str
    literal: bool = False


@dataclass
class _Translation:
    source: KernelSource
    node: ast.FunctionDef
    functions: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)  # local variables and their types
    counters: set[str] = field(default_factory=set)  # of loops
    lines: list[str] = field(default_factory=list)
    depth: int = 1

    def __post_init__(self) -> None:
        self.unsigned = any(isinstance(one, ast.Constant) and one.value == _MASK for one in ast.walk(self.node))
        self.paints = any(isinstance(one, ast.Name) and one.id == "np" for one in ast.walk(self.node.body[0]))
        names = {one.arg: self._annotated(one.annotation) for one in self.node.args.args}
        self.signature = _Signature(names, "void" if self.paints else "float")

    def _annotated(self, annotation: ast.expr | None) -> str:
        assert isinstance(annotation, (ast.Name, ast.Attribute))
        if isinstance(annotation, ast.Attribute):  # an array: of the geometry, or of points
            return "array"
        return "uint" if annotation.id == "int" and self.unsigned else annotation.id

    def text(self) -> str:
        """The function."""
        self.known = {name: "float" if kind == "array" else kind for name, kind in self.signature.parameters.items()}
        parameters = [
            "float geometry[5]" if name == "geometry" else f"{self.known[name]} {_local(name)}" for name in self.known
        ]
        if self.paints:
            parameters += [f"out float {_local(name)}" for name in _OUTPUTS]
            self.lines += [f"  {_local(name)} = 0.0;" for name in _OUTPUTS]
        for statement in self.node.body:
            self._statement(statement)
        head = f"{self.signature.result} {_glsl_name(self.node.name)}({', '.join(parameters)}) {{"
        return "\n".join([head, *self._declarations(), *self.lines, "}"])

    def _declarations(self) -> list[str]:
        """All local variables at the top, as a variable of Python's lives on after its block."""
        names: dict[str, list[str]] = {}
        for name, kind in self.known.items():
            if name not in self.signature.parameters and name not in self.counters:
                names.setdefault(kind, []).append(_local(name))
        return [f"  {kind} {', '.join(locals)};" for kind, locals in names.items()]

    # --- statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case ast.Assign(targets=[target], value=value):
                self._assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                changed = self._binary(ast.BinOp(ast.Name(name), op, value))
                self._emit(f"{_local(name)} = {_as(changed, self.known[name])};")
            case ast.If():
                self._if(node)
            case ast.For(target=ast.Name(id=index), iter=ast.Call(args=[count])):
                self._for(node, index, count)
            case ast.Continue():
                self._emit("return;")
            case ast.Break():
                self._emit("break;")
            case ast.Return(value=value):
                if not self.paints:
                    assert value is not None
                    self._emit(f"return {_as(self._expression(value), 'float')};")
            case _:
                raise self._refused(node)

    def _for(self, node: ast.For, index: str, count: ast.expr) -> None:
        if isinstance(count, ast.Attribute):  # over the points of a stroke
            for statement in node.body:
                self._statement(statement)
            return
        self.known[index] = "int"
        self.counters.add(index)
        name = _local(index)
        self._emit(f"for (int {name} = 0; {name} < {self._expression(count).text}; {name}++) {{")
        self._block(node.body)

    def _if(self, node: ast.If) -> None:
        self._emit(f"if ({self._expression(node.test).text}) {{")
        self._block(node.body)
        if node.orelse:
            self._emit("else {")
            self._block(node.orelse)

    def _block(self, body: list[ast.stmt]) -> None:
        self.depth += 1
        for statement in body:
            self._statement(statement)
        self.depth -= 1
        self._emit("}")

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple):
            if "zeros_like" in ast.dump(value) or "shape" in ast.dump(value):
                return  # the outputs, which are zero already
            assert isinstance(value, ast.Tuple)
            self._assign_all(target.elts, [self._expression(part) for part in value.elts])
            return
        self._set(target, self._expression(value))

    def _assign_all(self, targets: list[ast.expr], values: list[_Typed]) -> None:
        """All values are computed before any is assigned, unless none reads what is assigned before it."""
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if any(_reads(later.text, name) for k, name in enumerate(names) for later in values[k + 1 :]):
            for k, value in enumerate(values):
                self._set(ast.Name(f"new_{names[k]}"), value)
            values = [_Typed(f"new_{name}", value.type) for name, value in zip(names, values, strict=True)]
        for target, value in zip(targets, values, strict=True):
            self._set(target, value)

    def _set(self, target: ast.expr, value: _Typed) -> None:
        if isinstance(target, ast.Subscript):  # an output at this point
            assert isinstance(target.value, ast.Name) and target.value.id in _OUTPUTS
            self._emit(f"{_local(target.value.id)} = {_as(value, 'float')};")
            return
        assert isinstance(target, ast.Name)
        self._emit(f"{_local(target.id)} = {_as(value, self.known.setdefault(target.id, value.type))};")

    def _emit(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    # --- expressions --------------------------------------------------------------------------------------------

    def _expression(self, node: ast.expr) -> _Typed:
        match node:
            case ast.Constant(value=int() | float() as number):
                return self._literal(number)
            case ast.Name(id=name):
                if name in self.known:
                    return _Typed(_local(name), self.known[name])
                value = self.source.constant(name)
                assert not isinstance(value, tuple)
                return self._literal(value)
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                if name == "geometry":
                    return _Typed(f"geometry[{self._expression(index).text}]", "float")
                return _Typed(_local(name), "float")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._expression(operand)
                return _Typed(f"(-{inner.text})", inner.type, inner.literal)
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _Typed(self._joined(left, _OPERATORS[type(op)], right).text, "bool")
            case ast.BoolOp(op=op, values=values):
                texts = [self._expression(value).text for value in values]
                return _Typed("(" + f" {_OPERATORS[type(op)]} ".join(texts) + ")", "bool")
            case ast.IfExp(test=test, body=body, orelse=other):
                a, b, kind = self._alike(body, other)
                return _Typed(f"({self._expression(test).text} ? {a} : {b})", kind)
            case ast.Call():
                return self._call(node)
        raise self._refused(node)

    def _literal(self, number: float | int) -> _Typed:
        if isinstance(number, int):
            return _Typed(f"{number}u" if self.unsigned else str(number), "uint" if self.unsigned else "int", True)
        text = repr(number)
        return _Typed(text if any(c in text for c in ".e") else text + ".0", "float", True)

    def _binary(self, node: ast.BinOp) -> _Typed:
        if isinstance(node.op, ast.BitAnd):  # with _MASK, which unsigned integers need not
            return self._expression(node.left)
        if isinstance(node.op, ast.Pow):
            inner = _as(self._expression(node.left), "float")
            assert isinstance(node.right, ast.Constant) and node.right.value == 2
            return _Typed(f"square({inner})", "float")
        if isinstance(node.op, ast.Div):
            left, right = self._expression(node.left), self._expression(node.right)
            return _Typed(f"({_as(left, 'float')} / {_as(right, 'float')})", "float")
        if type(node.op) not in _OPERATORS:
            raise self._refused(node)
        return self._joined(node.left, _OPERATORS[type(node.op)], node.right)

    def _joined(self, left: ast.expr, operator: str, right: ast.expr) -> _Typed:
        a, b, kind = self._alike(left, right)
        return _Typed(f"({a} {operator} {b})", kind)

    def _alike(self, left: ast.expr, right: ast.expr) -> tuple[str, str, str]:
        a, b = self._expression(left), self._expression(right)
        kind = "float" if "float" in (a.type, b.type) else a.type
        return _as(a, kind), _as(b, kind), kind

    def _call(self, node: ast.Call) -> _Typed:
        if isinstance(node.func, ast.Attribute):
            name = _MATH.get(node.func.attr)
            if name is None:
                raise self._refused(node)
            arguments = ", ".join(_as(self._expression(one), "float") for one in node.args)
            return _Typed(f"{name}({arguments})", "float")
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in ("float", "int"):
            inner = self._expression(node.args[0])
            return inner if inner.type == name else _Typed(f"{name}({inner.text})", name)
        if name in ("min", "max"):
            a, b, kind = self._alike(*node.args)
            return _Typed(f"{name}({a}, {b})", kind)
        if name == "abs":
            return _Typed(f"abs({self._expression(node.args[0]).text})", "float")
        home = self.source if name in self.source.functions else source_of(self.source.imported[name])
        signature = _add(home, name, self.functions)
        given = zip(node.args, signature.parameters.values(), strict=True)
        texts = [_as(self._expression(one), kind) for one, kind in given]
        return _Typed(f"{_glsl_name(name)}({', '.join(texts)})", signature.result)

    def _refused(self, node: ast.AST) -> ValueError:
        line = getattr(node, "lineno", "?")
        return ValueError(f"{self.node.name}, line {line}: cannot be translated to GLSL: {ast.unparse(node)}")


def _as(value: _Typed, kind: str) -> str:
    """The expression with this type."""
    if value.type == kind:
        return value.text
    if value.literal and kind == "float":
        return value.text.rstrip("u)") + ".0" + ")" * value.text.endswith(")")
    return f"{kind}({value.text})"


def _reads(text: str, name: str) -> bool:
    """Whether an expression in GLSL has a variable of Python."""
    return re.search(rf"\b{_local(name)}\b", text) is not None


def _glsl_name(name: str) -> str:
    """A function's name; those of GLSL's own functions are taken."""
    return f"k_{name.strip('_')}"


def _local(name: str) -> str:
    return "unused" if name == "_" else f"{name}_" if name in _RESERVED else name
