"""As much of ComfyUI as nodes of the V3 schema need: a stub of our own, in which they are loaded as ComfyUI does it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODES = ROOT / "integrations" / "comfyui"


class Interrupted(Exception):
    """What ComfyUI raises when a run is interrupted."""


class Interface:
    """An input or output, with what it was declared with."""

    def __init__(self, id: str = "", **declared: Any) -> None:
        unknown = set(declared) - KNOWN
        assert not unknown, f"{id}: ComfyUI does not know {unknown}"
        self.id, self.declared, self.default = id, declared, declared.get("default")


KNOWN = {
    "display_name", "optional", "tooltip", "default", "min", "max", "step", "options", "multiline",
    "control_after_generate",
}  # fmt: skip


def io_type(name: str) -> Any:
    """A type of ComfyUI: its Input and Output know its name."""
    kinds = {kind: type(kind, (Interface,), {"io_type": name}) for kind in ("Input", "Output")}
    return type(name, (), kinds)


class Schema(SimpleNamespace):
    """A node's; ids are unique, as ComfyUI checks."""

    def __init__(self, **declared: Any) -> None:
        super().__init__(**declared)
        ids = [each.id for each in (*self.inputs, *self.outputs)]
        assert len(ids) == len(set(ids)), f"{self.node_id}: an id is there twice"


class NodeOutput:
    def __init__(self, *result: Any, ui: Any = None) -> None:
        self.result, self.ui = result, ui


class Stub:
    """The state behind the stub's modules."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.interrupted = folder, False
        self.updates: list[tuple[float, float, Any]] = []
        for name in ("input", "output"):
            (folder / name).mkdir()

    def modules(self) -> dict[str, ModuleType]:
        """All of them, by name."""
        types = {
            name: io_type(name.upper()) for name in ("Image", "Mask", "Int", "Float", "String", "Boolean", "Combo")
        }
        io = SimpleNamespace(
            **types, Custom=io_type, Schema=Schema, NodeOutput=NodeOutput, ComfyNode=type("ComfyNode", (), {})
        )
        bar = type("ProgressBar", (), {"__init__": lambda self, total: None, "update_absolute": self._update})
        management = self._module("comfy.model_management", throw_exception_if_processing_interrupted=self._check)
        utils = self._module("comfy.utils", ProgressBar=bar)
        paths = self._module(
            "folder_paths",
            get_input_directory=lambda: str(self.folder / "input"),
            get_output_directory=lambda: str(self.folder / "output"),
            get_save_image_path=self._place,
        )
        latest = self._module("comfy_api.latest", io=io, ComfyExtension=type("ComfyExtension", (), {}))
        comfy = self._module("comfy", utils=utils, model_management=management)
        modules = (comfy, utils, management, paths, latest, self._module("comfy_api", latest=latest))
        return {module.__name__: module for module in modules}

    @staticmethod
    def _module(name: str, **members: Any) -> ModuleType:
        module = ModuleType(name)
        vars(module).update(members)
        return module

    def _update(self, value: float, total: float, preview: Any = None) -> None:
        self.updates.append((value, total, preview))

    def _check(self) -> None:
        if self.interrupted:
            raise Interrupted

    def _place(self, prefix: str, output: str) -> tuple[str, str, int, str, str]:
        subfolder, name = str(Path(prefix).parent), Path(prefix).name
        place = Path(output, subfolder)
        place.mkdir(parents=True, exist_ok=True)
        return str(place), name, 1, subfolder, prefix


def load_nodes(patch: pytest.MonkeyPatch) -> Any:
    """The package of our nodes, as ComfyUI loads a folder of custom nodes."""
    name = "impasto_comfyui"
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        patch.delitem(sys.modules, loaded)
    spec = importlib.util.spec_from_file_location(name, NODES / "__init__.py", submodule_search_locations=[str(NODES)])
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, name, package)
    spec.loader.exec_module(package)
    return package
