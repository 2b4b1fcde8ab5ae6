"""The nodes for ComfyUI: in a stub of it always, in the real one where COMFYUI_PATH says where it is."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.comfy import NODES, Interrupted, Stub, load_nodes
from helpers.paintings import make_painting
from helpers.pictures import picture

from painter import PaintConfig, paint
from painter.errors import ImpastoError, OptionError
from painter.options.export import ExportConfig
from painter.options.paint import STYLE_OPTIONS
from painter.options.presets import PRESETS
from painter.painting.load import load_painting

SMALL: dict[str, Any] = {
    "style": "rectangle",
    "strokes": 8,
    "size": 48,
    "iterations": 2,
    "focus": "none",
    "texture": 0.0,
}
FILES = {"brush", "region", "style_image", "weights"}


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The stub, and the nodes by their id."""
    with pytest.MonkeyPatch.context() as patch:
        stub = Stub(tmp_path_factory.mktemp("comfy"))
        for name, module in stub.modules().items():
            patch.setitem(sys.modules, name, module)
        package = load_nodes(patch)
        extension = asyncio.run(package.comfy_entrypoint())
        nodes = {node.define_schema().node_id: node for node in asyncio.run(extension.get_node_list())}
        yield SimpleNamespace(stub=stub, nodes=nodes, widgets=sys.modules["impasto_comfyui.widgets"])


def held(node: Any, **changes: Any) -> dict[str, Any]:
    """What a node's widgets hold at first, and changes to it."""
    inputs = node.define_schema().inputs
    values = {each.id: each.default for each in inputs if getattr(each, "default", None) is not None}
    return {**values, **changes}


def batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).float() / 255


def painted(comfy: SimpleNamespace, image: torch.Tensor | None = None, **changes: Any) -> tuple[Any, ...]:
    node = comfy.nodes["ImpastoPaint"]
    image = batch(picture()) if image is None else image
    with torch.inference_mode():  # as ComfyUI runs all nodes
        result: tuple[Any, ...] = node.execute(image=image, **held(node, **{**SMALL, **changes})).result
    return result


def test_every_option_is_a_widget_with_its_own_bounds_and_default(comfy: SimpleNamespace) -> None:
    inputs = {each.id: each for each in comfy.nodes["ImpastoPaint"].define_schema().inputs}
    left_out = {"device", "backend", *STYLE_OPTIONS, *FILES}
    assert {spec.name for spec in fields(PaintConfig)} - left_out <= set(inputs)
    assert set(inputs) & {"device", "backend", "weights"} == set()
    assert (inputs["size"].declared["min"], inputs["size"].declared["max"]) == (16, 8192)
    assert inputs["strokes"].declared["min"] == 0 and "0 is auto" in inputs["strokes"].declared["tooltip"]
    assert inputs["iterations"].declared["min"] == -1 and inputs["tones"].declared["default"] == 0
    assert inputs["preset"].declared["options"] == ["none", *PRESETS]
    options = comfy.widgets.options_from(PaintConfig, held(comfy.nodes["ImpastoPaint"]))
    assert options == PaintConfig()
    saved = comfy.widgets.options_from(ExportConfig, held(comfy.nodes["ImpastoSave"]))
    assert saved == ExportConfig()


def test_widgets_speak_of_widgets_and_a_seed_stays(comfy: SimpleNamespace) -> None:
    for node in comfy.nodes.values():
        for one in node.define_schema().inputs:
            assert "--" not in (one.declared.get("tooltip") or ""), one.declared
            assert one.id != "seed" or one.declared["control_after_generate"] is False


def test_presets_give_way_to_widgets_that_were_touched(comfy: SimpleNamespace) -> None:
    node = comfy.nodes["ImpastoPaint"]
    options = comfy.widgets.options_from(PaintConfig, held(node, relief=0.9, iterations=7, tones=3), "portrait")
    assert (options.relief, options.strokes, options.iterations, options.tones) == (0.9, 1000, 7, 3)


def test_a_workflow_cannot_name_files(comfy: SimpleNamespace) -> None:
    for changes in ({"palette": "/etc/passwd"}, {"focus": "secret.png"}):
        with pytest.raises(OptionError, match="names no files"):
            comfy.widgets.options_from(PaintConfig, held(comfy.nodes["ImpastoPaint"], **changes))
    (comfy.stub.folder / "secret.strokes.json").write_text("{}")
    with pytest.raises(ImpastoError, match="not in ComfyUI's input folder"):
        comfy.nodes["ImpastoLoad"].execute("../secret.strokes.json")


@pytest.mark.slow
def test_it_paints_a_batch_as_paint_does(comfy: SimpleNamespace) -> None:
    comfy.stub.updates.clear()
    pictures = picture(1), picture(2)
    image, bare, paintings = painted(comfy, batch(*pictures))
    assert image.shape == (2, 36, 48, 3) and image.dtype == torch.float32 and bare.shape == (2, 36, 48)
    expected = paint(pictures[1].astype(np.float32) / 255, PaintConfig(**SMALL))
    assert np.array_equal((image[1] * 255).round().to(torch.uint8).numpy(), expected.image)
    assert len(paintings) == 2 and len(paintings[1].strokes) == 8
    values = [value for value, _, _ in comfy.stub.updates]
    assert values == sorted(values) and values[-1] == comfy.stub.updates[-1][1] == 4
    kind, preview, side = next(shown for _, _, shown in comfy.stub.updates if shown)
    assert kind == "JPEG" and preview.mode == "RGB" and side == 512


@pytest.mark.slow
def test_masks_say_where_to_paint_and_an_empty_one_says_nothing(comfy: SimpleNamespace) -> None:
    empty = torch.zeros(1, 64, 64)  # LoadImage's, of a picture without alpha
    plain, _, _ = painted(comfy)
    assert torch.equal(painted(comfy, region=empty, finer=empty[0])[0], plain)
    left = torch.zeros(36, 48)
    left[:, :24] = 1
    image, bare, _ = painted(comfy, region=left, canvas="transparent")
    assert bare[0, :, 30:].min() == 1 and bare[0, 4:30, 4:20].mean() < 0.7 and image.shape[3] == 3


def test_an_interruption_ends_it(comfy: SimpleNamespace) -> None:
    comfy.stub.interrupted = True
    try:
        with pytest.raises(Interrupted):
            painted(comfy)
    finally:
        comfy.stub.interrupted = False


@pytest.mark.slow
def test_paintings_are_drawn_grown_morphed_and_restyled(comfy: SimpleNamespace) -> None:
    nodes, one = comfy.nodes, make_painting(9, brush="rectangle")
    other = make_painting(5, brush="rectangle")
    drawn, _ = nodes["ImpastoDraw"].execute([one], size=100, share=1.0, relief=-1.0, texture=0.0).result
    assert drawn.shape == (1, 75, 100, 3)
    assert np.array_equal((drawn[0] * 255).round().to(torch.uint8).numpy(), one.draw(100, texture=0.0))
    bare, _ = nodes["ImpastoDraw"].execute([one], size=32, share=0.0, relief=-1.0, texture=0.0).result
    assert bare.min() == 1
    frames, _ = nodes["ImpastoFrames"].execute([one, one], size=32, count=3).result
    assert frames.shape == (6, 24, 32, 3)
    node = nodes["ImpastoMorph"]
    way, _ = node.execute([one], [other], **held(node, count=4, size=32, texture=0.0)).result
    assert way.shape == (4, 24, 32, 3) and not torch.equal(way[0], way[3])
    node = nodes["ImpastoRestyle"]
    with torch.inference_mode():
        styled, _, paintings = node.execute([one], batch(picture()), **held(node, iterations=1)).result
    assert styled.shape == (1, 48, 64, 3) and len(paintings[0].strokes) == 9


def test_batches_that_are_unlike(comfy: SimpleNamespace) -> None:
    tensors = sys.modules["impasto_comfyui.tensors"]
    opaque, clear = np.full((4, 5, 3), 51, np.uint8), np.full((4, 5, 4), 102, np.uint8)
    image, bare = tensors.image_of([opaque, clear])
    assert image.shape == (2, 4, 5, 3) and torch.equal(bare[0], torch.zeros(4, 5))
    assert bare[1].allclose(torch.tensor(1 - 102 / 255)) and image[0].allclose(torch.tensor(51 / 255))
    node, one = comfy.nodes["ImpastoMorph"], make_painting(3)
    with pytest.raises(ImpastoError, match="2 paintings and 1: each of the first needs one of the second"):
        node.execute(first=[one, one], second=[one], **held(node, count=2))


def test_paintings_are_saved_and_loaded(comfy: SimpleNamespace) -> None:
    one, node = make_painting(6), comfy.nodes["ImpastoSave"]
    output = comfy.stub.folder / "output" / "a"
    saved = node.execute([one, one], **held(node, filename_prefix="a/b", format=".gif", size=32, duration=0.5))
    assert [file["filename"] for file in saved.ui["images"]] == ["b_00001_.gif", "b_00002_.gif"]
    assert all((output / file["filename"]).is_file() for file in saved.ui["images"]) and saved.ui["animated"] == (True,)
    saved = node.execute([one], **held(node, filename_prefix="a/b", format=".strokes.json", size=0))
    assert saved.ui["text"] == ("b_00001_.strokes.json",) == saved.result
    (output / "b_00001_.strokes.json").rename(comfy.stub.folder / "input" / "b.strokes.json")
    load = comfy.nodes["ImpastoLoad"]
    assert load.define_schema().inputs[0].declared["options"] == ["b.strokes.json"]
    image, _, paintings = load.execute("b.strokes.json").result
    assert (
        np.array_equal((image[0] * 255).round().to(torch.uint8).numpy(), one.draw()) and len(paintings[0].strokes) == 6
    )
    assert load.fingerprint_inputs("b.strokes.json") != load.fingerprint_inputs("none.strokes.json")
    assert len(load_painting(comfy.stub.folder / "input" / "b.strokes.json").strokes) == 6


@pytest.mark.parametrize("file", sorted(NODES.glob("workflows/*.json")), ids=lambda file: file.stem)
def test_workflows_connect_what_there_is(comfy: SimpleNamespace, file: Path) -> None:
    theirs = {"LoadImage": ["IMAGE", "MASK"], "PreviewImage": [], "SaveImage": []}
    workflow = json.loads(file.read_text())
    for step in workflow.values():
        node = comfy.nodes.get(step["class_type"])
        assert node is not None or step["class_type"] in theirs
        for name, value in step["inputs"].items():
            known = {} if node is None else {each.id: each for each in node.define_schema().inputs}
            assert node is None or name in known
            if isinstance(value, list):
                source, number = workflow[value[0]]["class_type"], value[1]
                outputs = theirs.get(source) or [each.io_type for each in comfy.nodes[source].define_schema().outputs]
                assert node is None or known[name].io_type == outputs[number]
            elif node is not None and "options" in known[name].declared:
                assert value in known[name].declared["options"]


def test_it_says_what_it_needs() -> None:
    text = (NODES / "pyproject.toml").read_text()
    assert "[tool.comfy]" in text and not (NODES / "requirements.txt").exists(), "torch is never pinned"


@pytest.mark.skipif("COMFYUI_PATH" not in os.environ, reason="COMFYUI_PATH does not say where ComfyUI is")
def test_the_real_comfyui_takes_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("comfy", "comfy_api", "folder_paths")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(os.environ["COMFYUI_PATH"])
    monkeypatch.setattr(sys, "argv", ["main.py", "--cpu"])
    importlib.import_module("comfy.options").enable_args_parsing()
    package = load_nodes(monkeypatch)
    extension = asyncio.run(package.comfy_entrypoint())
    nodes = {node.GET_SCHEMA().node_id: node for node in asyncio.run(extension.get_node_list())}
    assert len(nodes) == 7
    inputs = nodes["ImpastoPaint"].INPUT_TYPES()
    assert "image" in inputs["required"] and inputs["required"]["size"][1]["min"] == 16
    assert inputs["required"]["ground"][1]["advanced"] and "advanced" not in inputs["required"]["style"][1]
    image = torch.from_numpy(picture()[None]).float() / 255
    painted = nodes["ImpastoPaint"].execute(image=image, **held(nodes["ImpastoPaint"], **SMALL))
    assert painted.result[0].shape == (1, 36, 48, 3)
