"""Our modules as source: their constants and functions, read without importing them (torch takes seconds)."""

from __future__ import annotations

import ast
import math
from functools import cached_property, lru_cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
Value = float | int | tuple["Value", ...]


@lru_cache
def source_of(module: str) -> KernelSource:
    """The source of a module of `renderers`, by its full name.

    >>> source_of("renderers.brushes.oilpaintbrush").constants["SIDE"]
    0.93
    """
    return KernelSource(_ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py"))


class KernelSource:
    """A parsed module.

    Args:
        path: of its file.

    Raises:
        OSError: there is none.
    """

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text(encoding="utf-8"))

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """Its functions, by name."""
        return {node.name: node for node in self._tree.body if isinstance(node, ast.FunctionDef)}

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """Its classes, by name."""
        return {node.name: node for node in self._tree.body if isinstance(node, ast.ClassDef)}

    def method(self, class_name: str, name: str) -> ast.FunctionDef:
        """A method of a class of its own."""
        (found,) = (
            one for one in self.classes[class_name].body if isinstance(one, ast.FunctionDef) and one.name == name
        )
        return found

    @cached_property
    def imported(self) -> dict[str, str]:
        """The module that each name imported from `renderers` comes from."""
        found = {}
        for node in self._tree.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("renderers."):
                found.update({alias.name: str(node.module) for alias in node.names if alias.asname is None})
        return found

    @cached_property
    def constants(self) -> dict[str, Value]:
        """Its own constants that are numbers, or tuples of them."""
        found: dict[str, Value] = {}
        for target, expression in _assignments(self._tree.body):
            try:
                found[target] = self._value(expression, found)
            except ValueError:
                continue  # not a number
        return found

    def constant(self, name: str) -> Value:
        """A constant of its own, or one that it imports.

        Raises:
            LookupError: there is no such constant.
        """
        if name in self.constants:
            return self.constants[name]
        return source_of(self.imported[name]).constant(name)

    def class_values(self, name: str) -> dict[str, dict[str, float]]:
        """The attributes of a class that are calls with numbers by name, such as `body = Body(thickness=0.002)`."""
        values = {}
        for node in self.classes[name].body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                (target,) = (one.id for one in node.targets if isinstance(one, ast.Name))
                values[target] = self._keywords(node.value)
        return values

    def class_numbers(self, name: str) -> dict[str, float | None]:
        """The attributes of a class that are numbers, in their order; None for one that has a type and no value."""
        values: dict[str, float | None] = {}
        for node in self.classes[name].body:
            match node:
                case ast.AnnAssign(target=ast.Name(id=target), value=None):
                    values[target] = None
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value):
                    values[target] = float(self._number(value, self.constants))
                case ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=float() as number)):
                    values[target] = number
        return values

    def call_values(self, class_name: str, method: str, function: str) -> dict[str, float]:
        """The numbers that a method hands to a function by name."""
        (call,) = (
            node
            for node in ast.walk(self.method(class_name, method))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function
        )
        return self._keywords(call)

    def _keywords(self, call: ast.Call) -> dict[str, float]:
        return {
            str(one.arg): float(self._value(one.value, self.constants))  # type: ignore[arg-type]
            for one in call.keywords
            if isinstance(one.value, ast.Constant) and isinstance(one.value.value, (int, float))
        }

    def _value(self, node: ast.expr, known: dict[str, Value]) -> Value:
        """What an expression of constants is. Raises ValueError if it is not one of numbers."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return number
            case ast.Name(id=name) if name in known:
                return known[name]
            case ast.Name(id=name) if name in self.imported:
                return source_of(self.imported[name]).constant(name)
            case ast.Attribute(value=ast.Name(id="math"), attr=name):
                return float(getattr(math, name))
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self._value(part, known) for part in parts)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="array"), args=[numbers, *_]):
                return self._value(numbers, known)
            case ast.Subscript(value=holder, slice=ast.Constant(value=int() as index)):
                values = self._value(holder, known)
                if isinstance(values, tuple):
                    return values[index]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand, known)
            case ast.BinOp(left=left, op=op, right=right):
                return _applied(op, self._number(left, known), self._number(right, known))
        raise ValueError("not a number")

    def _number(self, node: ast.expr, known: dict[str, Value]) -> float | int:
        value = self._value(node, known)
        if isinstance(value, tuple):
            raise ValueError("not a number")
        return value


def _assignments(body: list[ast.stmt]) -> list[tuple[str, ast.expr]]:
    """What names are assigned, one by one."""
    found = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.append((name, value))
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                found += [(ast.unparse(name), value) for name, value in zip(names, values, strict=True)]
    return found


def _applied(op: ast.operator, a: float, b: float) -> float:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.Div():
            return a / b
        case ast.Pow():
            return float(a**b)
    raise ValueError("not a number")
