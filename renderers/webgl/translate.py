"""Engines in GLSL ES 3.00, translated from their Python source: a kernel's arithmetic line by line, with its constants.

The subset is what engines and media are written in: scalars, arrays of known length, `if`, `for … in range`, `math`,
calls of other kernels. A kernel with a loop over the points of a stroke, or over rows and columns, becomes a function
of one point. Noise keeps no cells: what is kept there is computed anew. Whatever cannot be translated is refused, so a
kernel that leaves the subset fails when the shaders are made, and not silently in the browser.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from renderers.webgl.expressions import Context, Expressions, Signature, Typed, as_type, glsl_name, local
from renderers.webgl.kernel_source import KernelSource, source_of

_MASK = 0xFFFFFFFF  # a kernel that has it computes with unsigned integers of 32 bits
_KEPT = "cells"  # of noise; the parameter after it says which
_SHARES = ("first", "step")  # parameters that say which rows a thread fills


def translated(
    module: str, name: str, arrays: Mapping[str, str] | None = None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A kernel of a module of `renderers` and all kernels that it calls, as GLSL functions.

    They keep their arguments and get an `out` one for each array that they return. A kernel with loops over rows i and
    columns j gets these last, as `float i, float j`.

    Args:
        module: its full name.
        name: the kernel.
        arrays: what each array is to one point: 'in float' (if not given), 'out float[6]' and the like; 'fetch' if it
            is read at other points, too: by a function NAME_at(float i, float j), which must be there.
        given: what to write for expressions, of type int if it is a whole number or in capitals:
            {"canvas.shape[2]": "4"}.

    Returns:
        The functions by their names in GLSL, each after those that it calls.

    Raises:
        ValueError: the kernel has what cannot be translated; the message names it and the line.
    """
    functions: dict[str, str] = {}
    _add(source_of(module), name, functions, Context(arrays or {}, given or {}))
    return functions


def translated_value(module: str, place: tuple[str, str], name: str, known: Mapping[str, str] | None = None) -> str:
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
    translation.context = Context({}, {text: f"({glsl})" for text, glsl in (known or {}).items()})
    return translation.float_of(value)


def _add(source: KernelSource, name: str, functions: dict[str, str], context: Context) -> Signature:
    node = source.functions[name]
    translation = _Translation(source, node, functions, context)
    if glsl_name(name) not in functions:
        text = translation.text()  # which adds the functions that it calls before it
        functions[glsl_name(name)] = text
    return translation.signature


@dataclass
class _Translation(Expressions):
    source: KernelSource
    node: ast.FunctionDef
    functions: dict[str, str]
    context: Context = field(default_factory=lambda: Context({}, {}))
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
        self.signature = Signature(names, result)

    def _annotated(self, name: str, annotation: ast.expr | None) -> str:
        assert isinstance(annotation, (ast.Name, ast.Attribute))
        if isinstance(annotation, ast.Attribute):
            return self.context.arrays.get(name, "in float[5]" if name == "geometry" else "in float")
        return "uint" if annotation.id == "int" and self.unsigned else annotation.id

    def text(self) -> str:
        """The function."""
        declared = {name: kind for name, kind in self.signature.parameters.items() if kind not in ("", "fetch")}
        declared |= dict.fromkeys(self.outputs, "out float") | dict.fromkeys(self.places, "float")
        self.known = {name: kind.split()[-1] for name, kind in declared.items()}
        for name, kind in declared.items():
            if kind.startswith("out "):
                self._fill(name, "0.0")
        for statement in self.node.body:
            self._statement(statement)
        parameters = ", ".join(f"{_declared(kind, name)}" for name, kind in declared.items())
        head = f"{self.signature.result} {glsl_name(self.node.name)}({parameters}) {{"
        return "\n".join([head, *self._declarations(set(declared)), *self.lines, "}"])

    def _declarations(self, parameters: set[str]) -> list[str]:
        """All local variables at the top, as a variable of Python's lives on after its block."""
        names: dict[str, list[str]] = {}
        for name, kind in self.known.items():
            if name not in parameters and name not in self.counters:
                base, _, length = kind.partition("[")
                names.setdefault(base, []).append(local(name) + ("[" + length if length else ""))
        return [f"  {kind} {', '.join(locals)};" for kind, locals in names.items()]

    def _fill(self, name: str, value: str) -> None:
        """All elements of a variable."""
        kind = self.known[name]
        if "[" in kind:
            length = kind.partition("[")[2].rstrip("]")
            self._emit(f"for (int e = 0; e < {length}; e++) {local(name)}[e] = {value};")
        else:
            self._emit(f"{local(name)} = {value};")

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
                self._set(target, self.binary(ast.BinOp(target, op, value)))
            case ast.If():
                self._if(node)
            case ast.For(target=ast.Name(id=index), iter=ast.Call(args=bounds)):
                self._for(node, index, bounds)
            case ast.Continue():
                self._emit("return;")
            case ast.Break():
                self._emit("break;")
            case ast.Return(value=value):
                if self.signature.result == "void":
                    self._emit("return;")
                else:
                    assert value is not None
                    self._emit(f"return {as_type(self.expression(value), self.signature.result)};")
            case _:
                raise self.refused(node)

    def _for(self, node: ast.For, index: str, bounds: list[ast.expr]) -> None:
        if _over_pixels(node) or isinstance(bounds[0], ast.Attribute):  # this point is one of them
            for statement in node.body:
                self._statement(statement)
            return
        self.known[index] = "int"
        self.counters.add(index)
        if len(bounds) > 2:
            raise self.refused(node.iter)
        name, low = local(index), self.expression(bounds[0]).text if len(bounds) == 2 else "0"
        self._emit(f"for (int {name} = {low}; {name} < {self.expression(bounds[-1]).text}; {name}++) {{")
        self._block(node.body)

    def _if(self, node: ast.If) -> None:
        if any(isinstance(one, ast.Name) and one.id == "cell" for one in ast.walk(node.test)):
            for statement in node.body:  # whether a cell is a new one: each is
                self._statement(statement)
            return
        self._emit(f"if ({self.condition(node.test)}) {{")
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
                self._set(target, self.expression(value))
            return
        if not isinstance(value, ast.Tuple):
            raise self.refused(value)
        pairs = zip(target.elts, value.elts, strict=True)
        kept = [(one, self.expression(part)) for one, part in pairs if not self._is_array(one, part)]
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
                length = self.expression(size).text
            case _:
                return False
        assert isinstance(target, ast.Name)
        self.known[target.id] = f"float[{length}]"
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "np.ones":
            self._fill(target.id, "1.0")
        return True

    def _assign_all(self, targets: list[ast.expr], values: list[Typed]) -> None:
        """All values are computed before any is assigned, unless none reads what is assigned before it."""
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if any(_reads(later.text, name) for k, name in enumerate(names) for later in values[k + 1 :]):
            for k, value in enumerate(values):
                self._set(ast.Name(f"new_{names[k]}"), value)
            values = [Typed(f"new_{name}", value.type) for name, value in zip(names, values, strict=True)]
        for target, value in zip(targets, values, strict=True):
            self._set(target, value)

    def _set(self, target: ast.expr, value: Typed) -> None:
        if isinstance(target, ast.Subscript):
            self._emit(f"{self.element(target).text} = {as_type(value, 'float')};")
            return
        assert isinstance(target, ast.Name)
        self._emit(f"{local(target.id)} = {as_type(value, self.known.setdefault(target.id, value.type))};")

    def _emit(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def added(self, source: KernelSource, name: str) -> Signature:
        """See `Expressions.added`."""
        return _add(source, name, self.functions, self.context)


def _over_pixels(node: ast.For) -> bool:
    """Whether a loop goes over rows i or columns j of an array."""
    over = ast.unparse(node.iter)
    return ast.unparse(node.target) in ("i", "j") and (".shape[" in over or "columns" in over)


def _declared(kind: str, name: str) -> str:
    """A parameter: 'in float[5]' has its length after its name."""
    base, _, length = kind.partition("[")
    return f"{base} {local(name)}" + ("[" + length if length else "")


def _reads(text: str, name: str) -> bool:
    """Whether an expression in GLSL has a variable of Python."""
    return re.search(rf"\b{local(name)}\b", text) is not None
