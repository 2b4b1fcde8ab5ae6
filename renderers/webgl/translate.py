"""Engines in GLSL ES 3.00, translated from their Python source: a kernel's arithmetic line by line, with its constants.

The subset is what engines and media are written in: scalars, arrays of known length, `if`, `for … in range`, `math`, calls
of other kernels. A kernel with a loop over the points of a stroke, or over rows and columns, becomes a function of one
point. Noise keeps no cells: what is kept there is computed anew. Whatever cannot be translated is refused, so a kernel
that leaves the subset fails when the shaders are made, and not silently in the browser.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from renderers.webgl.kernel_source import KernelSource, source_of

_MATH = {
    "sqrt": "sqrt", "exp": "exp", "log": "log", "floor": "floor", "cos": "cos", "sin": "sin", "hypot": "length2",
    "clip": "clamp",
}  # fmt: skip
_RESERVED = {
    "half", "sample", "flat", "smooth", "input", "output", "out", "active", "filter", "common", "cast", "mix", "step",
}  # fmt: skip
_MASK = 0xFFFFFFFF  # a kernel that has it computes with unsigned integers of 32 bits
_KEPT = "cells"  # of noise; the parameter after it says which
_SHARES = ("first", "step")  # parameters that say which rows a thread fills
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitXor: "^", ast.BitAnd: "&", ast.RShift: ">>", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.And: "&&", ast.Or: "||",
}  # fmt: skip
_POWERS = {2: "square", 3: "cube"}


def translated(
    module: str, name: str, arrays: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A kernel of a module of `renderers` and all kernels that it calls, as GLSL functions.

    They keep their arguments and get an `out` one for each array that they return. A kernel with loops over rows i and
    columns j gets these last, as `float i, float j`.

    Args:
        module: its full name.
        name: the kernel.
        arrays: what each array is to one point: 'in float' (if not given), 'out float[6]' and the like; 'fetch' if it is
            read at other points, too: by a function NAME_at(float i, float j), which must be there.
        given: what to write for expressions, of type int if it is a whole number or in capitals:
            {"canvas.shape[2]": "4"}.

    Returns:
        The functions by their names in GLSL, each after those that it calls.

    Raises:
        ValueError: the kernel has what cannot be translated; the message names it and the line.
    """
    functions: dict[str, str] = {}
    _add(source_of(module), name, functions, _Context(arrays or {}, given or {}))
    return functions


def translated_value(
    module: str, place: tuple[str, str], name: str, known: Mapping[str, str] | None = None
) -> str:  # fmt: skip
    """What a method assigns to a variable, as an expression in GLSL.

    Args:
        module: its full name.
        place: class and method.
        name: the variable.
        known: what to write for expressions; other names stay as they are, of type float.
    """
    source = source_of(module)
    method = source.method(*place)
    (value,) = (
        node.value
        for node in ast.walk(method)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    )
    translation = _Translation(source, ast.FunctionDef(name, ast.arguments([], [], None, [], [], None, []), [], []), {})
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    translation.known = {one: "float" for one in names if one not in source.constants and one not in source.imported}
    translation.context = _Context({}, {text: f"({glsl})" for text, glsl in (known or {}).items()})
    return translation.float_of(value)


@dataclass(frozen=True)
class _Context:
    arrays: Mapping[str, str]
    given: Mapping[str, str]


def _add(source: KernelSource, name: str, functions: dict[str, str], context: _Context) -> _Signature:
    node = source.functions[name]
    translation = _Translation(source, node, functions, context)
    if _glsl_name(name) not in functions:
        text = translation.text()  # which adds the functions that it calls before it
        functions[_glsl_name(name)] = text
    return translation.signature


@dataclass(frozen=True)
class _Signature:
    parameters: dict[str, str]  # name -> 'float' and so on; 'in float[5]'; 'fetch'; '' for one that is left out
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
    context: _Context = field(default_factory=lambda: _Context({}, {}))
    known: dict[str, str] = field(default_factory=dict)  # variables and their types, arrays as 'float[5]'
    counters: set[str] = field(default_factory=set)  # of loops
    lines: list[str] = field(default_factory=list)
    depth: int = 1

    def __post_init__(self) -> None:
        self.unsigned = any(isinstance(one, ast.Constant) and one.value == _MASK for one in ast.walk(self.node))
        loops = [one for one in ast.walk(self.node) if isinstance(one, ast.For) and _over_pixels(one)]
        self.places = sorted(ast.unparse(one.target) for one in loops)
        last = self.node.body[-1] if self.node.body else None
        returned = last.value.elts if isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple) else []
        self.outputs = [one.id for one in returned if isinstance(one, ast.Name)]
        names: dict[str, str] = {}
        for one in self.node.args.args:
            left_out = one.arg == _KEPT or _KEPT in list(names)[-1:] or (self.places and one.arg in _SHARES)
            names[one.arg] = "" if left_out else self._annotated(one.arg, one.annotation)
        result = self.node.returns.id if isinstance(self.node.returns, ast.Name) else "void"
        self.signature = _Signature(names, result)

    def _annotated(self, name: str, annotation: ast.expr | None) -> str:
        assert isinstance(annotation, (ast.Name, ast.Attribute))
        if isinstance(annotation, ast.Attribute):
            return self.context.arrays.get(name, "in float[5]" if name == "geometry" else "in float")
        return "uint" if annotation.id == "int" and self.unsigned else annotation.id

    def text(self) -> str:
        """The function."""
        declared = {name: kind for name, kind in self.signature.parameters.items() if kind not in ("", "fetch")}
        declared |= {name: "out float" for name in self.outputs} | dict.fromkeys(self.places, "float")
        self.known = {name: kind.split()[-1] for name, kind in declared.items()}
        for name, kind in declared.items():
            if kind.startswith("out "):
                self._fill(name, "0.0")
        for statement in self.node.body:
            self._statement(statement)
        parameters = ", ".join(f"{_declared(kind, name)}" for name, kind in declared.items())
        head = f"{self.signature.result} {_glsl_name(self.node.name)}({parameters}) {{"
        return "\n".join([head, *self._declarations(set(declared)), *self.lines, "}"])

    def _declarations(self, parameters: set[str]) -> list[str]:
        """All local variables at the top, as a variable of Python's lives on after its block."""
        names: dict[str, list[str]] = {}
        for name, kind in self.known.items():
            if name not in parameters and name not in self.counters:
                base, _, length = kind.partition("[")
                names.setdefault(base, []).append(_local(name) + ("[" + length if length else ""))
        return [f"  {kind} {', '.join(locals)};" for kind, locals in names.items()]

    def _fill(self, name: str, value: str) -> None:
        """All elements of a variable."""
        kind = self.known[name]
        if "[" in kind:
            length = kind.partition("[")[2].rstrip("]")
            self._emit(f"for (int e = 0; e < {length}; e++) {_local(name)}[e] = {value};")
        else:
            self._emit(f"{_local(name)} = {value};")

    # --- statements ---------------------------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()):
                pass  # a docstring
            case ast.Assign(targets=[target], value=value):
                self._assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value)
            case ast.AugAssign(target=target, op=op, value=value):
                self._set(target, self._binary(ast.BinOp(target, op, value)))
            case ast.If():
                self._if(node)
            case ast.For(target=ast.Name(id=index), iter=ast.Call(args=[*_, count])):
                self._for(node, index, count)
            case ast.Continue():
                self._emit("return;")
            case ast.Break():
                self._emit("break;")
            case ast.Return(value=value):
                if self.signature.result == "void":
                    self._emit("return;")
                else:
                    assert value is not None
                    self._emit(f"return {_as(self._expression(value), self.signature.result)};")
            case _:
                raise self._refused(node)

    def _for(self, node: ast.For, index: str, count: ast.expr) -> None:
        if _over_pixels(node) or isinstance(count, ast.Attribute):  # this point is one of them
            for statement in node.body:
                self._statement(statement)
            return
        self.known[index] = "int"
        self.counters.add(index)
        name = _local(index)
        self._emit(f"for (int {name} = 0; {name} < {self._expression(count).text}; {name}++) {{")
        self._block(node.body)

    def _if(self, node: ast.If) -> None:
        if any(isinstance(one, ast.Name) and one.id == "cell" for one in ast.walk(node.test)):
            for statement in node.body:  # whether a cell is a new one: each is
                self._statement(statement)
            return
        self._emit(f"if ({self._condition(node.test)}) {{")
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
        if not isinstance(target, ast.Tuple):
            if not self._is_array(target, value):
                self._set(target, self._expression(value))
            return
        if not isinstance(value, ast.Tuple):
            raise self._refused(value)
        pairs = zip(target.elts, value.elts, strict=True)
        kept = [(one, self._expression(part)) for one, part in pairs if not self._is_array(one, part)]
        self._assign_all([one for one, _ in kept], [part for _, part in kept])

    def _is_array(self, target: ast.expr, value: ast.expr) -> bool:
        """Whether a new array is assigned, which is then declared, or one that is left out."""
        match value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="zeros_like" | "zeros")):
                return True  # an output, which is zero already
            case ast.Call(func=ast.Name(id="new_cells")):
                return True
            case ast.Subscript(value=ast.Name(id=name)) if name == _KEPT:
                length = str(self.source.constant("CELL"))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="ones" | "empty"), args=[size, *_]):
                length = self._expression(size).text
            case _:
                return False
        assert isinstance(target, ast.Name)
        self.known[target.id] = f"float[{length}]"
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "np.ones":
            self._fill(target.id, "1.0")
        return True

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
        if isinstance(target, ast.Subscript):
            self._emit(f"{self._element(target).text} = {_as(value, 'float')};")
            return
        assert isinstance(target, ast.Name)
        self._emit(f"{_local(target.id)} = {_as(value, self.known.setdefault(target.id, value.type))};")

    def _emit(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    # --- expressions --------------------------------------------------------------------------------------------

    def float_of(self, node: ast.expr) -> str:
        """An expression as a float."""
        return _as(self._expression(node), "float")

    def _condition(self, node: ast.expr) -> str:
        found = self._expression(node)
        return found.text if found.type == "bool" else f"({found.text} != 0)"

    def _expression(self, node: ast.expr) -> _Typed:
        if self.context.given and (text := self.context.given.get(ast.unparse(node))):
            return _Typed(text, "int" if text.isdigit() or text.isupper() else "float")
        match node:
            case ast.Constant(value=int() | float() as number):
                return self._literal(number)
            case ast.Name(id=name):
                return _Typed(_local(name), self.known[name]) if name in self.known else self._constant(name)
            case ast.Attribute(value=ast.Name(id="math"), attr="pi"):
                return _Typed("3.14159265358979", "float", True)
            case ast.Attribute(value=ast.Name(id="math"), attr="inf"):
                return _Typed("3e38", "float", True)
            case ast.Subscript():
                return self._element(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self._expression(operand)
                return _Typed(f"(-{inner.text})", inner.type, inner.literal)
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _Typed(self._joined(left, _OPERATORS[type(op)], right).text, "bool")
            case ast.BoolOp(op=op, values=values):
                texts = [self._condition(value) for value in values]
                return _Typed("(" + f" {_OPERATORS[type(op)]} ".join(texts) + ")", "bool")
            case ast.IfExp(test=test, body=body, orelse=other):
                a, b, kind = self._alike(body, other)
                return _Typed(f"({self._condition(test)} ? {a} : {b})", kind)
            case ast.Call():
                return self._call(node)
        raise self._refused(node)

    def _constant(self, name: str, index: int | None = None) -> _Typed:
        value = self.source.constant(name)
        if index is not None and isinstance(value, tuple):
            value = value[index]
        assert not isinstance(value, tuple)
        return self._literal(value)

    def _element(self, node: ast.Subscript) -> _Typed:
        """What an array is at this point, or one of its numbers there."""
        assert isinstance(node.value, ast.Name)
        name, places = node.value.id, node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if self.signature.parameters.get(name) == "fetch":
            return _Typed(f"{name}_at({', '.join(self.float_of(place) for place in places)})", "float")
        if name not in self.known:
            assert isinstance(places[0], ast.Constant) and isinstance(places[0].value, int)
            return self._constant(name, places[0].value)
        if "[" in self.known[name]:
            return _Typed(f"{_local(name)}[{self._expression(places[-1]).text}]", "float")
        return _Typed(_local(name), "float")

    def _literal(self, number: float | int) -> _Typed:
        if isinstance(number, int):
            return _Typed(f"{number}u" if self.unsigned else str(number), "uint" if self.unsigned else "int", True)
        text = repr(number)
        return _Typed(text if any(c in text for c in ".e") else text + ".0", "float", True)

    def _binary(self, node: ast.BinOp) -> _Typed:
        if isinstance(node.op, ast.BitAnd) and self.unsigned:  # with _MASK, which unsigned integers need not
            return self._expression(node.left)
        if isinstance(node.op, ast.Pow):
            inner = self.float_of(node.left)
            if isinstance(node.right, ast.Constant) and node.right.value in _POWERS:
                return _Typed(f"{_POWERS[node.right.value]}({inner})", "float")
            return _Typed(f"pow({inner}, {self.float_of(node.right)})", "float")
        if isinstance(node.op, ast.Div):
            return _Typed(f"({self.float_of(node.left)} / {self.float_of(node.right)})", "float")
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
            if node.func.attr in ("float32", "int8"):
                return self._expression(node.args[0])
            name = _MATH.get(node.func.attr)
            if name is None:
                raise self._refused(node)
            return _Typed(f"{name}({', '.join(self.float_of(one) for one in node.args)})", "float")
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in ("float", "int"):
            inner = self._expression(node.args[0])
            return inner if inner.type == name else _Typed(f"{name}({inner.text})", name)
        if name == "round":
            return _Typed(f"int(roundEven({self.float_of(node.args[0])}))", "int")
        if name in ("min", "max"):
            a, b, kind = self._alike(*node.args)
            return _Typed(f"{name}({a}, {b})", kind)
        if name == "abs":
            return _Typed(f"abs({self._expression(node.args[0]).text})", "float")
        home = self.source if name in self.source.functions else source_of(self.source.imported[name])
        signature = _add(home, name, self.functions, self.context)
        given = [pair for pair in zip(node.args, signature.parameters.values(), strict=True) if pair[1]]
        texts = [self._argument(one, kind) for one, kind in given if kind != "fetch"]
        return _Typed(f"{_glsl_name(name)}({', '.join(texts)})", signature.result)

    def _argument(self, node: ast.expr, kind: str) -> str:
        if "[" in kind:
            assert isinstance(node, ast.Name)
            return _local(node.id)
        return _as(self._expression(node), kind.split()[-1])

    def _refused(self, node: ast.AST) -> ValueError:
        line = getattr(node, "lineno", "?")
        return ValueError(f"{self.node.name}, line {line}: cannot be translated to GLSL: {ast.unparse(node)}")


def _over_pixels(node: ast.For) -> bool:
    """Whether a loop goes over rows i or columns j of an array."""
    over = ast.unparse(node.iter)
    return ast.unparse(node.target) in ("i", "j") and (".shape[" in over or "columns" in over)


def _declared(kind: str, name: str) -> str:
    """A parameter: 'in float[5]' has its length after its name."""
    base, _, length = kind.partition("[")
    return f"{base} {_local(name)}" + ("[" + length if length else "")


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
